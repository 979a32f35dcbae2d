//! Evidence leaves the house: made over HTTP or at the machine, checked by both programs that
//! anybody has, and whoever opened what a member wrote is told to that member.

use std::path::{Path, PathBuf};
use std::process::Command;

use meguri::http_client;
use meguri_evidence::Files;
use meguri_postgres_cluster::shared;
use reqwest::StatusCode;
use serde_json::json;

use super::proofs::{checkpoint, verifier};
use crate::support::api::{Api, Member};
use crate::support::server::{Installation, Server};

/// A house in which Taro helps Hanako, and offers it to somebody else, too.
pub(super) struct House {
    pub(super) installation: Installation,
    pub(super) server: Server,
    key: String,
    hanako: Member,
    pub(super) taro: Member,
    pub(super) exchanges: [String; 2],
}

impl House {
    pub(super) async fn lived_in(installation: Installation) -> Self {
        let server = installation.serve().await;
        let api = server.api();
        let hanako = api.register("hanako", "はなこ").await;
        let taro = api.register("taro", "たろう").await;
        let mut exchanges = Vec::new();
        for title in ["庭の草むしり", "犬の散歩"] {
            exchanges.push(opened(api, &hanako, &taro, title).await);
        }
        let asks = json!({"text": "秘密の相談", "keep_negotiating": true});
        let path = format!("exchanges/{}/messages", exchanges[0]);
        let last = api.done(&hanako, &path, &asks).await;
        let key = verifier(&installation);
        checkpoint(api, &key, last.position).await;
        let key = key.to_string();
        let exchanges = exchanges.try_into().unwrap();
        Self {
            installation,
            server,
            key,
            hanako,
            taro,
            exchanges,
        }
    }

    /// What both programs say of a bundle or a published log: exit code and text.
    fn asked(&self, what: &Path, more: &[&str]) -> (i32, String) {
        let arguments = [&["audit", "verify", what.to_str().unwrap()], more].concat();
        let rust = self.installation.end_of(&arguments);
        let said = String::from_utf8(rust.stdout).unwrap();
        (rust.status.code().unwrap(), said)
    }

    /// What both programs say of a bundle, which has to be the same.
    pub(super) fn verified(&self, bundle: &Path) -> (i32, String) {
        let of = format!("exchange-{}", self.exchanges[0]);
        let arguments = ["--key", &self.key, "--of", &of];
        let folder = self.installation.folder().join("unpacked");
        let _ = std::fs::remove_dir_all(&folder);
        unpack(bundle, &folder);
        let python = Command::new("python3")
            .arg(folder.join("verify.py"))
            .arg(bundle)
            .args(arguments)
            .output()
            .unwrap();
        let said = String::from_utf8(python.stdout).unwrap();
        let python = (python.status.code().unwrap(), said);
        assert_eq!(
            python,
            self.asked(bundle, &arguments),
            "verify.py and meguri differ"
        );
        python
    }

    pub(super) fn bundle(&self, exchange: &str, name: &str, more: &[&str]) -> PathBuf {
        let path = self.installation.folder().join(name);
        let arguments = ["audit", "bundle", exchange, "-o", path.to_str().unwrap()];
        self.installation.run(&[&arguments, more].concat());
        path
    }
}

async fn opened(api: &Api, hanako: &Member, taro: &Member, title: &str) -> String {
    let need = json!({
        "title": title, "description": "手伝ってください。", "category": "housework",
        "online": false, "offline": true, "no_return_needed": true,
    });
    let need = api.done(hanako, "needs", &need).await.id;
    let path = format!("needs/{need}/applications");
    let offer = json!({"message": "秘密の挨拶", "mode": "in_person"});
    api.done(taro, &path, &offer).await.id
}

/// Writes the program of a bundle into a folder, as it lies in it.
fn unpack(bundle: &Path, folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    let files = files(bundle);
    std::fs::write(folder.join("verify.py"), files.get("verify.py").unwrap()).unwrap();
}

pub(super) fn files(bundle: &Path) -> Files {
    Files::from_zip(&std::fs::read(bundle).unwrap()).unwrap()
}

const BECAUSE: [&str; 4] = ["--by", "ken", "--reason", "通報の確認"];

#[tokio::test]
async fn evidence_is_checked_by_anybody_and_accesses_are_told_on_sqlite() {
    evidence_is_checked_by_anybody_and_accesses_are_told(Installation::on_sqlite()).await;
}

#[tokio::test]
async fn evidence_is_checked_by_anybody_and_accesses_are_told_on_postgresql() {
    let database = || shared().unwrap().create_database().unwrap();
    let installation = Installation::on_databases(database);
    evidence_is_checked_by_anybody_and_accesses_are_told(installation).await;
}

async fn evidence_is_checked_by_anybody_and_accesses_are_told(installation: Installation) {
    let open = "auditor_discloses = \"everything\"\n";
    std::fs::write(installation.folder().join("meguri.toml"), open).unwrap();
    let house = House::lived_in(installation).await;
    let [exchange, other] = &house.exchanges;
    let api = house.server.api();

    // Closed, it needs no reason and tells nobody.
    let closed = house.bundle(exchange, "closed.zip", &[]);
    let (code, said) = house.verified(&closed);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("Complete to version 2;"), "{said}");
    assert!(said.contains("0 disclosed, 4 closed, 0 erased"), "{said}");
    let again = house.bundle(exchange, "again.zip", &[]);
    assert_eq!(
        std::fs::read(&again).unwrap(),
        std::fs::read(&closed).unwrap()
    );

    let everything = [&["--disclose", "all"], &BECAUSE[..]].concat();
    let whole = house.bundle(exchange, "whole.zip", &everything);
    let (code, said) = house.verified(&whole);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("4 disclosed, 0 closed, 0 erased"), "{said}");

    // The bundle of another exchange is not the one that was asked for.
    let (code, said) = house.verified(&house.bundle(other, "other.zip", &[]));
    assert_eq!(code, 1);
    assert!(
        said.starts_with(&format!("other-stream: exchange-{other}\n")),
        "{said}"
    );
    changed_bundles_are_found(&house, &whole);
    accesses_are_told(&house, api).await;
    parties_take_their_own(&house).await;
    auditors_take_what_they_give_a_reason_for(&house).await;
    without_a_reason_nothing_is_opened(&house, exchange);
}

/// Some of the things that may be done to a bundle; all of them are told in the crate's tests.
fn changed_bundles_are_found(house: &House, bundle: &Path) {
    let whole = files(bundle);
    let names: Vec<&str> = whole.iter().map(|(name, _)| name).collect();
    let last = |end: &str| *names.iter().rfind(|name| name.ends_with(end)).unwrap();
    let path = house.installation.folder().join("changed.zip");
    for (name, code) in [
        (last(".header"), "not-included"),
        (last(".json"), "plaintext-differs"),
        ("checkpoint", "bad-signature"),
        ("key", "bad-key"),
        ("README.ja.md", "sum-differs"),
    ] {
        let mut files = whole.clone();
        let mut bytes = files.remove(name).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        files.add(name.to_owned(), bytes).unwrap();
        std::fs::write(&path, files.to_zip().unwrap()).unwrap();
        let (exit, said) = house.verified(&path);
        assert_eq!(exit, 1, "{name}: {said}");
        let found = said.contains(&format!("{code}: ")) || name == "checkpoint";
        assert!(found, "{name} has {code}: {said}");
    }
}

async fn accesses_are_told(house: &House, api: &Api) {
    let path = "/api/me/accesses";
    let hanako = api.get(path, Some(&house.hanako.token)).await;
    let one = &hanako["items"][0];
    assert_eq!(one["by"], "operator-ken");
    assert_eq!(one["reason"], "通報の確認");
    let sections = one["sections"].as_array().unwrap();
    let opened: Vec<&str> = sections
        .iter()
        .map(|it| it["section"].as_str().unwrap())
        .collect();
    assert_eq!(
        opened,
        ["text", "title", "text"],
        "the post, its title, the message"
    );
    let taro = api.get(path, Some(&house.taro.token)).await;
    assert_eq!(taro["items"][0]["sections"][0]["section"], "message");
    assert_eq!(taro["items"].as_array().unwrap().len(), 1);
}

impl House {
    /// Takes away evidence over HTTP.
    pub(super) async fn taken(&self, token: &str, query: &[(&str, &str)]) -> reqwest::Response {
        let path = format!("/api/exchanges/{}/evidence", self.exchanges[0]);
        let address = format!("http://{}{path}", self.server.api().host());
        let address = reqwest::Url::parse_with_params(&address, query).unwrap();
        let request = http_client::builder()
            .build()
            .unwrap()
            .get(address)
            .bearer_auth(token);
        request.send().await.unwrap()
    }

    /// What is said of a bundle that was taken away.
    pub(super) async fn said_of(&self, taken: reqwest::Response) -> String {
        assert_eq!(taken.status(), StatusCode::OK);
        let bundle = self.installation.folder().join("taken.zip");
        std::fs::write(&bundle, taken.bytes().await.unwrap()).unwrap();
        let (code, said) = self.verified(&bundle);
        assert_eq!(code, 0, "{said}");
        said
    }
}

async fn parties_take_their_own(house: &House) {
    let taken = house.taken(&house.taro.token, &[("disclose", "all")]).await;
    let said = house.said_of(taken).await;
    assert!(said.contains("1 disclosed, 3 closed, 0 erased"), "{said}");
}

async fn auditors_take_what_they_give_a_reason_for(house: &House) {
    let auditor = house.installation.auditor("mei");
    let said = house.said_of(house.taken(&auditor, &[]).await).await;
    assert!(said.contains("0 disclosed, 4 closed, 0 erased"), "{said}");
    let without = house.taken(&auditor, &[("disclose", "all")]).await;
    assert_eq!(without.status(), StatusCode::BAD_REQUEST);
    let api = house.server.api();
    let accesses = async || api.get("/api/me/accesses", Some(&house.hanako.token)).await;
    let before = accesses().await["items"].as_array().unwrap().len();
    let because = [("disclose", "all"), ("reason", "苦情の調査")];
    let said = house.said_of(house.taken(&auditor, &because).await).await;
    assert!(said.contains("4 disclosed, 0 closed, 0 erased"), "{said}");
    let told = accesses().await;
    assert_eq!(told["items"].as_array().unwrap().len(), before + 1);
    assert_eq!(told["items"][0]["by"], "auditor-mei");
    assert_eq!(told["items"][0]["reason"], "苦情の調査");
}

fn without_a_reason_nothing_is_opened(house: &House, exchange: &str) {
    let bundle = [
        "audit",
        "bundle",
        exchange,
        "--disclose",
        "all",
        "--by",
        "ken",
    ];
    let refused = house.installation.end_of(&bundle);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        !house
            .installation
            .folder()
            .join(format!("exchange-{exchange}.zip"))
            .exists()
    );
}

#[tokio::test]
async fn what_is_left_of_an_exchange_is_disclosed_after_one_party_was_erased_on_sqlite() {
    what_is_left_is_disclosed(Installation::on_sqlite()).await;
}

#[tokio::test]
async fn what_is_left_of_an_exchange_is_disclosed_after_one_party_was_erased_on_postgresql() {
    let database = || shared().unwrap().create_database().unwrap();
    what_is_left_is_disclosed(Installation::on_databases(database)).await;
}

async fn what_is_left_is_disclosed(installation: Installation) {
    let open = "auditor_discloses = \"everything\"\n";
    std::fs::write(installation.folder().join("meguri.toml"), open).unwrap();
    let house = House::lived_in(installation).await;
    let exchange = house.exchanges[0].as_str();
    house.installation.run(&["erase", "taro"]);
    let status = house.server.api().get("/api/status", None).await;
    let head = status["log"]["position"].as_u64().unwrap();
    checkpoint(house.server.api(), &verifier(&house.installation), head).await;

    let everything = [&["--disclose", "all"], &BECAUSE[..]].concat();
    let whole = house.bundle(exchange, "left.zip", &everything);
    let (code, said) = house.verified(&whole);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("3 disclosed, 0 closed, 3 erased"), "{said}");
    let files = files(&whole);
    let readme = text(files.get("README.en.md").unwrap());
    assert!(readme.contains("These sections were erased"), "{readme}");
    let again = ["audit", "bundle", exchange, "-o", "again.zip"];
    let printed = house.installation.run(&[&again, &everything[..]].concat());
    assert!(
        printed.ends_with("3 sections disclosed, 3 erased\n"),
        "{printed}"
    );

    let taken = house
        .taken(&house.hanako.token, &[("disclose", "all")])
        .await;
    let said = house.said_of(taken).await;
    assert!(said.contains("3 disclosed, 0 closed, 3 erased"), "{said}");
    let auditor = house.installation.auditor("mei");
    let because = [("disclose", "all"), ("reason", "苦情の調査")];
    let said = house.said_of(house.taken(&auditor, &because).await).await;
    assert!(said.contains("3 disclosed, 0 closed, 3 erased"), "{said}");
    let stream = format!("exchange-{exchange}");
    let show = [&["log", "show", stream.as_str()], &BECAUSE[..]].concat();
    let shown = house.installation.run(&show);
    assert!(shown.contains("(erased)"), "{shown}");
}

#[tokio::test]
async fn bundles_are_made_a_few_at_a_time_and_whoever_is_too_many_is_told_when_to_come_back() {
    let house = House::lived_in(Installation::on_sqlite()).await;
    let taking = (0..40).map(|_| house.taken(&house.taro.token, &[("disclose", "all")]));
    let mut whole = 0;
    for taken in futures::future::join_all(taking).await {
        if taken.status() == StatusCode::OK {
            let length = taken.content_length().unwrap();
            assert_eq!(taken.bytes().await.unwrap().len() as u64, length);
            whole += 1;
        } else {
            assert_eq!(taken.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert!(taken.headers().contains_key("retry-after"));
        }
    }
    assert!(whole >= 2, "{whole} were made");
    // Whoever takes nothing of a bundle keeps nobody from another.
    let silent = house.taken(&house.taro.token, &[]).await;
    let other = house.taken(&house.hanako.token, &[]).await;
    house.said_of(other).await;
    drop(silent);
}

#[tokio::test]
async fn an_exported_log_is_proven_from_the_command_line_and_over_http() {
    let house = House::lived_in(Installation::on_sqlite()).await;
    let folder = house.installation.folder().to_owned();
    let key = ["--key", house.key.as_str()];
    let file = folder.join("events.ndjson");
    for after in ["0", "3"] {
        let export = ["log", "export", "--proofs", "--after", after, "-o"];
        house
            .installation
            .run(&[&export[..], &[file.to_str().unwrap()]].concat());
        let (code, said) = house.asked(&file, &key);
        assert_eq!(code, 0, "{said}");
        assert_eq!(house.asked(&file, &[]).0, 2, "its own key proves nothing");
    }
    let whole = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, whole.replace("member-", "nember-")).unwrap();
    let (code, said) = house.asked(&file, &key);
    assert_eq!(code, 1, "{said}");

    let auditor = house.installation.auditor("mei");
    let stream = format!("exchange-{}", house.exchanges[0]);
    for query in [
        &[("proofs", "true")][..],
        &[("proofs", "true"), ("after", "5")],
        &[("proofs", "true"), ("stream", stream.as_str())],
        &[("proofs", "true"), ("limit", "3")],
        &[("proofs", "true"), ("type", "NeverHappened")],
    ] {
        let address = format!("http://{}/api/log", house.server.api().host());
        let address = reqwest::Url::parse_with_params(&address, query).unwrap();
        let request = http_client::builder()
            .build()
            .unwrap()
            .get(address)
            .bearer_auth(&auditor);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        std::fs::write(&file, answer.bytes().await.unwrap()).unwrap();
        let (code, said) = house.asked(&file, &key);
        assert_eq!(code, 0, "{query:?}: {said}");
    }
}

#[test]
fn what_is_no_plain_file_is_named_by_both_programs_and_never_waited_for() {
    let installation = Installation::on_sqlite();
    let bundle = installation.folder().join("bundle");
    let at = |name: &str| bundle.join(name);
    std::fs::create_dir_all(at("events/deep/er")).unwrap();
    std::fs::create_dir_all(at("elsewhere")).unwrap();
    std::fs::write(at("verify.py"), meguri_evidence::VERIFY_PY).unwrap();
    for name in ["events/1.header", "key"] {
        let made = Command::new("mkfifo").arg(at(name)).status();
        assert!(made.unwrap().success());
    }
    std::os::unix::fs::symlink("/dev/zero", at("checkpoint")).unwrap();
    std::os::unix::fs::symlink("..", at("erasures")).unwrap();
    std::os::unix::fs::symlink("verify.py", at("メモ")).unwrap();
    let verify = |what: &Path| {
        let rust = installation.end_of(&["audit", "verify", what.to_str().unwrap()]);
        let python = Command::new("python3")
            .arg(at("verify.py"))
            .arg(what)
            .output()
            .unwrap();
        let [rust, python] = [rust, python].map(|it| (it.status.code(), text(&it.stdout)));
        assert_eq!(rust, python, "meguri (left) and verify.py differ");
        rust
    };
    let (code, said) = verify(&bundle);
    assert_eq!(code, Some(1));
    let named = said.lines().filter(|line| line.starts_with("not-a-file: "));
    let named: Vec<_> = named.map(|line| line.split_once(' ').unwrap().1).collect();
    let expected = [
        "checkpoint",
        "elsewhere",
        "erasures",
        "events/1.header",
        "events/deep",
        "key",
        "メモ",
    ];
    assert_eq!(named, expected);
    for pipe in [at("key"), PathBuf::from("/dev/zero")] {
        let (code, said) = verify(&pipe);
        assert_eq!(code, Some(2));
        assert!(said.contains("this is no plain file"), "{said}");
    }
    let bundle = bundle.to_str().unwrap();
    let findings = installation.unread(&["audit", "verify", bundle]);
    assert_eq!(findings, [Some(1); 2], "a verdict stays what it is");
}

fn text(printed: &[u8]) -> String {
    String::from_utf8(printed.to_vec()).unwrap()
}

#[tokio::test]
async fn a_published_log_is_checked_as_files_and_over_http() {
    let house = House::lived_in(Installation::on_sqlite()).await;
    let mirror = house.installation.folder().join("mirror");
    house
        .installation
        .run(&["audit", "publish", mirror.to_str().unwrap()]);
    let with_key = ["--key", house.key.as_str()];
    let (code, said) = house.asked(&mirror, &with_key);
    assert_eq!(code, 0, "{said}");
    assert!(said.ends_with("verdict: sound\n"), "{said}");
    assert_eq!(house.asked(&mirror, &[]).0, 2, "its own key proves nothing");
    let served = PathBuf::from(format!("http://{}", house.server.api().host()));
    let (code, said) = house.asked(&served, &with_key);
    assert_eq!(code, 0, "{said}");
    let nowhere = house.asked(Path::new("http://127.0.0.1:9"), &with_key);
    assert_eq!(nowhere.0, 2, "{nowhere:?}");

    let files = [("tile/0", "tile-differs"), ("tile/entries", "root-differs")];
    for (folder, code) in files {
        let folder = mirror.join(folder).join("000.p");
        let file = std::fs::read_dir(folder)
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
            .path();
        let whole = std::fs::read(&file).unwrap();
        let mut bytes = whole.clone();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&file, bytes).unwrap();
        let (exit, said) = house.asked(&mirror, &with_key);
        assert_eq!(exit, 1, "{said}");
        assert!(said.contains(code), "{said}");
        std::fs::write(&file, whole).unwrap();
    }
    std::fs::remove_file(mirror.join("checkpoint")).unwrap();
    assert_ne!(house.asked(&mirror, &with_key).0, 0);
}
