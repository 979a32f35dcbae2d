//! Files of a data folder are corrupted at random, at rest and under the running server, and those
//! of a backup: bits turn, files are cut short, emptied, removed, swapped, or put back from an
//! earlier day.
//!
//! Whatever is answered afterwards is what was answered before, or a refusal with a sentence. What
//! can grow back never hinders a start, and has grown back before long.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::verdict::Community;
use crate::stories::backup::{backed_up, end_of_restore, with_keys_of};
use crate::support::api::{Api, Member, Outcome, new_key};
use crate::support::chance::Chance;
use crate::support::server::{Installation, Server};

/// How many corruptions each of the tests of a data folder makes, unless [`NUMBER`] says otherwise.
const CORRUPTIONS: u64 = 32;
/// A backup has fewer files than a data folder: so many times fewer corruptions are made of it.
const FEWER_OF_BACKUPS: u64 = 4;
/// The exit code of a restore that found no key, or another one.
const INCOMPLETE: i32 = 5;
/// Names how many corruptions both tests of a data folder together make.
const NUMBER: &str = "MEGURI_TEST_CORRUPTIONS";
/// What can grow back has done so by then.
const HEALED_WITHIN: Duration = Duration::from_mins(2);
/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// What was asked, by whom, and what is the right answer.
struct Asked {
    path: String,
    token: Option<String>,
    answer: Value,
}

/// An installation at rest, an earlier day of it, and everything that it answers.
struct Sound {
    now: Installation,
    before: Installation,
    asked: Vec<Asked>,
    /// The backup of the day, and that of the earlier one.
    backups: [PathBuf; 2],
    /// The token of an auditor that was revoked on that day: nobody may read anything with it.
    revoked: String,
    /// The token of a member who has left: nobody may read anything with it.
    left: String,
    poster: Member,
    /// A room of the poster's that is long enough to have a snapshot.
    room: String,
}

/// Messages after which a room has one.
const LONG: usize = 260;

/// What is done to a file.
#[derive(Debug, Clone, Copy)]
enum Damage {
    Bits,
    Truncated,
    Emptied,
    Removed,
    ZeroedPage,
    Swapped,
    Older,
}

const DAMAGES: [Damage; 8] = [
    Damage::Bits,
    Damage::Bits,
    Damage::Truncated,
    Damage::Emptied,
    Damage::Removed,
    Damage::ZeroedPage,
    Damage::Swapped,
    Damage::Older,
];

/// One corruption: which file, and what was done to it.
#[derive(Debug)]
struct Corruption {
    file: PathBuf,
    what: String,
}

impl Corruption {
    /// Whether this grows back from the log: then no start may fail, and all is right in the end.
    fn grows_back(&self) -> bool {
        let first = self.file.iter().next().and_then(|part| part.to_str());
        let rebuilt = ["views", "policies", "snapshots", "log.vkey", "views.sock"];
        first.is_some_and(|first| rebuilt.contains(&first))
    }

    /// Whether the file is mapped into memory: one that gets shorter kills whoever reads it there.
    fn is_mapped(&self) -> bool {
        let name = self.file.to_string_lossy();
        name.ends_with("-shm") || name.contains("/index/")
    }
}

/// All files below a folder, by their paths in it, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let (mut found, mut open) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).into_iter().flatten().flatten() {
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                open.push(entry.path());
            } else if kind.is_file() {
                found.push(entry.path().strip_prefix(folder).unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

/// What a file belongs to: one view, or whatever else is in the data folder.
fn group(file: &Path) -> PathBuf {
    let parts = if file.starts_with("views") { 2 } else { 1 };
    file.iter().take(parts).collect()
}

fn one<'a, T>(of: &'a [T], chance: &mut Chance) -> &'a T {
    &of[usize::try_from(chance.number(0..of.len() as u64)).unwrap()]
}

/// Corrupts one file of a data folder.
fn corrupt(data: &Path, before: &Path, chance: &mut Chance) -> Corruption {
    let mut groups: BTreeMap<PathBuf, Vec<PathBuf>> = BTreeMap::new();
    for file in files(data) {
        groups.entry(group(&file)).or_default().push(file);
    }
    let groups: Vec<_> = groups.into_values().collect();
    // One of what belongs together, then one of its files: or nearly all would be of an index.
    let pick = |chance: &mut Chance| {
        let group: &Vec<PathBuf> = one(&groups, chance);
        one(group, chance).clone()
    };
    let (file, other) = (pick(chance), pick(chance));
    let damage = *one(&DAMAGES, chance);
    let path = data.join(&file);
    let what = match damage {
        Damage::Bits | Damage::Truncated | Damage::ZeroedPage => spoil(&path, damage, chance),
        Damage::Emptied => {
            std::fs::write(&path, []).unwrap();
            "emptied".to_owned()
        }
        Damage::Removed => {
            std::fs::remove_file(&path).unwrap();
            "removed".to_owned()
        }
        Damage::Swapped => {
            overwrite(&path, &std::fs::read(data.join(&other)).unwrap());
            format!("{} in its place", other.display())
        }
        Damage::Older => match std::fs::read(before.join(&file)) {
            Ok(older) => {
                overwrite(&path, &older);
                "as it was on an earlier day".to_owned()
            }
            Err(_) => "left as it is: it was not there on the earlier day".to_owned(),
        },
    };
    Corruption { file, what }
}

/// Spoils some of what is in a file.
fn spoil(path: &Path, damage: Damage, chance: &mut Chance) -> String {
    let mut bytes = std::fs::read(path).unwrap();
    let length = bytes.len() as u64;
    let place = |chance: &mut Chance| usize::try_from(chance.number(0..length.max(1))).unwrap();
    if let Damage::Truncated = damage {
        bytes.truncate(place(chance));
        overwrite(path, &bytes);
        return format!("cut after {} of {length} bytes", bytes.len());
    }
    if let Damage::ZeroedPage = damage {
        let start = place(chance) / 4096 * 4096;
        let end = bytes.len().min(start + 4096);
        bytes[start..end].fill(0);
        overwrite(path, &bytes);
        return format!("zeroes from {start} to {end} of {length} bytes");
    }
    let mut places = Vec::new();
    for _ in 0..chance.number(1..4).min(length) {
        let (place, bit) = (place(chance), chance.number(0..8));
        bytes[place] ^= 1 << bit;
        places.push(format!("{place}.{bit}"));
    }
    overwrite(path, &bytes);
    format!("bits {places:?} of {length} bytes turned")
}

/// Writes over a file without making another one: whoever has it open has the same.
fn overwrite(path: &Path, bytes: &[u8]) {
    use std::io::Write as _;
    let mut file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.write_all(bytes).unwrap();
    file.set_len(bytes.len() as u64).unwrap();
}

impl Sound {
    async fn new(chance: &mut Chance) -> Self {
        let now = Installation::on_sqlite();
        let server = now.serve().await;
        let (community, load) = Community::found(&now, &server, chance).await;
        let api = server.api();
        let leaver = api.register("leaver", "さるひと").await;
        let revoked = now.auditor("revoked");
        drop(load);
        let poster = community.members[0].clone();
        let room = long_room(&now, api, &community.members[1], &poster).await;
        server.terminate().await;
        let before = now.copy();
        let earlier = backed_up(&now, &[]);

        let server = now.serve().await;
        let api = server.api();
        for title in ["犬の散歩", "庭の草むしり", "猫の世話"] {
            api.done(&leaver, "needs", &need(title)).await;
            api.done(&community.members[1], "needs", &need(title)).await;
        }
        let gone = api.done(&leaver, "me/departure", &json!({})).await;
        now.run(&["auditor", "revoke", "revoked"]);
        let old = format!("/api/board?as_of={}", gone.position - 2);
        let mut sound = Self {
            asked: Vec::new(),
            backups: [earlier.clone(), earlier],
            revoked,
            left: leaver.token,
            poster,
            room,
            now,
            before,
        };
        sound.wait_until_locked_out(api).await;
        sound.ask_all(api, &community.members, &old).await;
        sound.ask_as_auditor(api, &community.auditor).await;
        server.terminate().await;
        sound.backups[0] = backed_up(&sound.now, &[]);
        sound
    }

    async fn wait_until_locked_out(&self, api: &Api) {
        let begun = Instant::now();
        while api.status("/api/me", Some(&self.left)).await != StatusCode::UNAUTHORIZED {
            assert!(begun.elapsed() < HEALED_WITHIN, "who left still reads");
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Waits until nothing follows any more on what has happened, and answers where the log ends.
    async fn at_rest(api: &Api) -> u64 {
        let mut head = 0;
        loop {
            let status = api.get("/api/status", None).await;
            let now = status["log"]["position"].as_u64().unwrap();
            if now == head {
                return head;
            }
            head = now;
            tokio::time::sleep(Duration::from_secs(3)).await;
        }
    }

    /// Everything that every view says, once for each member.
    async fn ask_all(&mut self, api: &Api, members: &[Member], old: &str) {
        let head = Self::at_rest(api).await;
        let board = format!("/api/board?limit=100&min_position={head}");
        let found = format!("/api/search?q=犬&min_position={head}");
        for path in [&board, &found, old] {
            self.ask(api, path, None).await;
        }
        for member in members {
            let profile = format!("/api/members/{}", member.user_name);
            let thanks = format!("{profile}/thanks");
            for path in [
                &profile,
                &thanks,
                "/api/exchanges",
                "/api/me",
                "/api/me/blocks",
            ] {
                self.ask(api, path, Some(member)).await;
            }
        }
        let list = api.get("/api/exchanges", Some(&members[0].token)).await;
        for exchange in list["items"].as_array().unwrap().iter().take(3) {
            let room = format!("/api/exchanges/{}", exchange["id"].as_str().unwrap());
            for path in [
                room.clone(),
                format!("{room}/messages"),
                format!("{room}/history"),
            ] {
                self.ask(api, &path, Some(&members[0])).await;
            }
        }
    }

    async fn ask(&mut self, api: &Api, path: &str, member: Option<&Member>) {
        let token = member.map(|member| member.token.clone());
        let mut answer = api.get(path, token.as_deref()).await;
        timeless(&mut answer);
        let path = path.to_owned();
        self.asked.push(Asked {
            path,
            token,
            answer,
        });
    }

    /// What an auditor reads of the log itself.
    async fn ask_as_auditor(&mut self, api: &Api, token: &str) {
        let path = "/api/log?after=0&limit=20".to_owned();
        let answer = Value::String(api.text(&path, Some(token)).await);
        let token = Some(token.to_owned());
        self.asked.push(Asked {
            path,
            token,
            answer,
        });
    }

    /// Asks everything again. Answers what is wrong, and how many were refused.
    async fn compare(&self, api: &Api) -> Result<usize, String> {
        let mut refused = 0;
        for asked in &self.asked {
            let path = &asked.path;
            let answered = api.answer(path, asked.token.as_deref()).await;
            let Ok((status, text)) = answered else {
                refused += 1;
                continue;
            };
            let mut answer = if asked.answer.is_string() && status.is_success() {
                Value::String(text)
            } else {
                serde_json::from_str(&text)
                    .map_err(|error| format!("GET {path}: {status}: {error}: {text}"))?
            };
            if status.is_success() {
                timeless(&mut answer);
                if answer != asked.answer {
                    let right = &asked.answer;
                    return Err(format!("GET {path}: wrong: {answer}\nand right is {right}"));
                }
            } else {
                refused += 1;
                assert_is_a_sentence(path, &answer);
            }
        }
        for (path, token) in [("/api/me", &self.left), ("/api/log?after=0", &self.revoked)] {
            if let Ok((status, text)) = api.answer(path, Some(token)).await
                && status.is_success()
            {
                return Err(format!("a token that has ended reads {path}: {text}"));
            }
        }
        Ok(refused)
    }
}

/// Two talk until their room has a snapshot.
async fn long_room(now: &Installation, api: &Api, asks: &Member, helps: &Member) -> String {
    let posted = api.done(asks, "needs", &need("庭の手入れ")).await;
    let applications = format!("needs/{}/applications", posted.id);
    let opening = json!({"message": "お手伝いします", "mode": "online"});
    let opened = api.done(helps, &applications, &opening).await;
    let room = format!("exchanges/{}", opened.id);
    for _ in 0..LONG {
        api.done(helps, &format!("{room}/messages"), &said()).await;
    }
    let begun = Instant::now();
    let snapshots = now.data().join("snapshots");
    while !files(&snapshots)
        .iter()
        .any(|file| file.extension().is_none())
    {
        assert!(
            begun.elapsed() < HEALED_WITHIN,
            "a long room has no snapshot"
        );
        tokio::time::sleep(PAUSE).await;
    }
    room
}

fn said() -> Value {
    json!({"text": "土曜日はどうですか", "keep_negotiating": true})
}

/// A refusal says to people what it is.
fn assert_is_a_sentence(path: &str, answer: &Value) {
    let detail = answer["detail"].as_str().or(answer["title"].as_str());
    assert!(
        detail.is_some_and(|text| !text.is_empty()),
        "GET {path} is refused without a sentence: {answer}"
    );
}

/// Takes out what says where the log was at the moment of the answer.
fn timeless(answer: &mut Value) {
    if let Value::Object(fields) = answer {
        fields.remove("position");
        fields.remove("as_of");
    }
}

fn need(title: &str) -> Value {
    json!({
        "title": title, "description": "よろしくお願いします。", "category": "pets",
        "online": true, "offline": false, "no_return_needed": true,
    })
}

/// The server of a corrupted folder, where it starts; what it says, where it refuses.
fn start(installation: &Installation) -> Result<Server, String> {
    let said_before = installation.diagnostics().len();
    let mut server = installation.launch();
    // Nothing is said before it listens or ends.
    match server.listens() {
        Ok(()) => Ok(server),
        Err(_) => Err(installation.diagnostics().split_off(said_before)),
    }
}

/// What a process that refused to start has said is a sentence, and no panic.
fn assert_refused_with_a_sentence(said: &str) {
    assert!(!said.contains("panicked"), "the start panicked: {said}");
    let last = said.trim().lines().next_back().unwrap_or_default();
    assert!(
        last.split_whitespace().count() >= 4,
        "no sentence: {said:?}"
    );
}

/// Judges a folder in which a file was corrupted and nothing runs.
async fn judge(sound: &Sound, installation: &Installation, corruption: &Corruption) {
    let server = match start(installation) {
        Ok(server) => server,
        Err(said) => {
            assert!(!corruption.grows_back(), "the start fails: {said}");
            return assert_refused_with_a_sentence(&said);
        }
    };
    let server = judge_running(sound, installation, server, corruption, true).await;
    give_up(sound, server.api()).await;
    if corruption.grows_back() {
        write_and_read(sound, server.api()).await;
    }
}

/// What is negotiated cannot be given up yet, whatever the server knows that from.
async fn give_up(sound: &Sound, api: &Api) {
    let (path, reason) = (format!("{}/abort", sound.room), json!({"reason": "都合"}));
    let outcome = api.post(&sound.poster, &path, &reason, &new_key()).await;
    assert!(!matches!(outcome, Outcome::Accepted(_)), "{outcome:?}");
}

/// Judges a server that runs on a corrupted folder.
async fn judge_running(
    sound: &Sound,
    installation: &Installation,
    mut server: Server,
    corruption: &Corruption,
    demands_health: bool,
) -> Server {
    let begun = Instant::now();
    loop {
        let refused = sound.compare(server.api()).await.unwrap();
        if !server.is_running() {
            let said = installation.diagnostics();
            assert!(!demands_health, "the server ended: {said}");
            return server;
        }
        if !corruption.grows_back() {
            break;
        }
        let ready = server.api().is_ready().await;
        if refused == 0 && ready {
            break;
        }
        let waited = begun.elapsed();
        assert!(
            waited < HEALED_WITHIN,
            "{refused} answers are refused after {waited:?}, ready: {ready}"
        );
        tokio::time::sleep(PAUSE).await;
    }
    server
}

/// What is written is read by its author, and the long room goes on.
async fn write_and_read(sound: &Sound, api: &Api) {
    let reason = json!({"reason": "都合"});
    let [abort, say] = ["abort", "messages"].map(|it| format!("{}/{it}", sound.room));
    let refused = api.refused(&sound.poster, &abort, &reason).await;
    assert_eq!(refused, StatusCode::UNPROCESSABLE_ENTITY);
    api.done(&sound.poster, &say, &said()).await;
    let written = api.done(&sound.poster, "needs", &need("雪かき")).await;
    let board = format!("/api/board?limit=100&min_position={}", written.position);
    let board = api.get(&board, None).await;
    let mut items = board["items"].as_array().unwrap().iter();
    assert!(
        items.any(|item| item["id"].as_str() == Some(&written.id)),
        "{written:?} is not on the board: {board}"
    );
}

fn number() -> u64 {
    let given = std::env::var(NUMBER).ok();
    given.map_or(CORRUPTIONS, |number| number.parse::<u64>().unwrap() / 2)
}

/// Says what is being tried, so that a failure names it.
#[allow(clippy::print_stderr, reason = "names the corruption that failed")]
fn say(number: u64, corruption: &Corruption) {
    let file = corruption.file.display();
    eprintln!("corruption {number}: {file}: {}", corruption.what);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_corrupted_at_rest_are_served_right_refused_with_a_sentence_or_healed() {
    let mut chance = Chance::new();
    let sound = Sound::new(&mut chance).await;
    for number in 0..number() {
        let installation = sound.now.copy();
        let before = sound.before.data();
        let corruption = corrupt(&installation.data(), &before, &mut chance.fork());
        say(number, &corruption);
        judge(&sound, &installation, &corruption).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_corrupted_under_the_running_server_are_served_right_refused_or_healed() {
    let mut chance = Chance::new();
    let sound = Sound::new(&mut chance).await;
    for number in 0..number() {
        let installation = sound.now.copy();
        let server = installation.serve().await;
        let before = sound.before.data();
        let corruption = corrupt(&installation.data(), &before, &mut chance.fork());
        say(number, &corruption);
        let demands_health = corruption.grows_back() && !corruption.is_mapped();
        let ran = judge_running(&sound, &installation, server, &corruption, demands_health).await;
        // A crash, and another start.
        ran.kill();
        judge(&sound, &installation, &corruption).await;
    }
}

/// A backup is restored as it was made, or not at all, with a sentence.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_of_which_a_file_was_corrupted_is_restored_right_or_refused_with_a_sentence() {
    let mut chance = Chance::new();
    let sound = Sound::new(&mut chance).await;
    let [backup, earlier] = &sound.backups;
    for number in 0..number().div_ceil(FEWER_OF_BACKUPS) {
        let folder = tempfile::tempdir().unwrap();
        for file in files(backup) {
            std::fs::copy(backup.join(&file), folder.path().join(&file)).unwrap();
        }
        let corruption = corrupt(folder.path(), earlier, &mut chance.fork());
        say(number, &corruption);
        let new = with_keys_of(&sound.now);
        let (code, said) = end_of_restore(&new, folder.path(), &[]);
        if code == Some(0) {
            let server = new.serve().await;
            let refused = sound.compare(server.api()).await.unwrap();
            assert_eq!(refused, 0, "what was restored is all there");
        } else {
            assert_ne!(code, Some(INCOMPLETE), "all the keys are there: {said}");
            assert_refused_with_a_sentence(&said);
            assert!(!new.data().join("log.db").exists(), "{said}");
        }
    }
}
