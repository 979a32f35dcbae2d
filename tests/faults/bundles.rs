//! Many ask for evidence of a long exchange at once: a few bundles are made at a time, the memory
//! of the server stays that of these few, and whoever is too many is told when to come back.

use std::fs;
use std::time::Duration;

use meguri::http_client;
use meguri_commands::{
    Caller, CommandSettings, Commands, NewExchange, NewMember, NewMessage, NewPost,
};
use meguri_events::{Category, ExchangeId, MemberId, Mode, NeedId};
use meguri_log::{Kek, Log, LogOptions};
use reqwest::{Response, StatusCode};

use crate::stories::proofs::{checkpoint, verifier};
use crate::support::server::{Installation, Server};

/// Messages of the exchange.
const MESSAGES: usize = 3_000;
/// How many ask at once.
const ASKING: usize = 30;
/// How often whoever was told to come back does so: for two minutes.
const TRIES_MAX: u32 = 120;
/// Bundles that are made at once.
const AT_ONCE: u64 = 2;
/// Memory that a server takes for anything besides, in kB.
const BESIDES: u64 = 48 * 1024;

/// An exchange with so many messages, written straight into the log of an installation.
async fn long_exchange(installation: &Installation) -> ExchangeId {
    let key = Kek::File(installation.data().join("vault.key"));
    let options = LogOptions::new(installation.location(), key);
    let log = Log::open(&options).await.unwrap();
    let commands = Commands::new(log.clone(), CommandSettings::default());
    let (owner, helper) = (
        member(&commands, "asks").await,
        member(&commands, "helps").await,
    );
    let need = commands.post_need(&owner, need()).await.unwrap();
    let opening = NewExchange {
        message: "お手伝いします".to_owned(),
        mode: Mode::Online,
    };
    let post = NeedId::new(need.id()).into();
    let opened = commands.open_exchange(&helper, post, opening).await;
    let exchange = ExchangeId::new(opened.unwrap().id());
    for number in 0..MESSAGES {
        let message = NewMessage {
            text: format!("{number} 土曜日の午後はいかがでしょうか。"),
            keep_negotiating: true,
            terms_version: None,
        };
        let posted = commands.post_message(&owner, exchange, message);
        posted.await.unwrap();
    }
    log.close().await;
    exchange
}

async fn member(commands: &Commands, name: &str) -> Caller {
    let new = NewMember {
        user_name: name.to_owned(),
        nickname: "はなこ".to_owned(),
        mail: format!("{name}@example.org"),
        prefecture: None,
    };
    let member = commands.register(new, None).await.unwrap();
    Caller::member(MemberId::new(member.id()))
}

fn need() -> NewPost {
    NewPost {
        title: "庭の草むしり".to_owned(),
        description: "二時間ほど手伝ってください。".to_owned(),
        category: Category::Talk,
        tags: vec!["庭".to_owned()],
        prefecture: None,
        city: None,
        online: true,
        offline: true,
        no_return_needed: true,
        wished_return: None,
        lat: None,
        lon: None,
    }
}

/// The most memory that the server has had so far, in kB.
fn peak(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let number = line.unwrap().split_whitespace().nth(1).unwrap();
    number.parse().unwrap()
}

async fn asked(server: &Server, exchange: ExchangeId, auditor: &str) -> Response {
    let host = server.api().host();
    let address = format!("http://{host}/api/exchanges/{exchange}/evidence");
    let client = http_client::within(Duration::from_mins(5)).unwrap();
    let request = client.get(address).bearer_auth(auditor);
    request.send().await.unwrap()
}

/// Takes a bundle, as often as it is told to come back. Answers how long it is, and how often.
async fn taken(server: &Server, exchange: ExchangeId, auditor: &str) -> (usize, u32) {
    for tries in 0..TRIES_MAX {
        let answer = asked(server, exchange, auditor).await;
        if answer.status() == StatusCode::OK {
            return (answer.bytes().await.unwrap().len(), tries);
        }
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(answer.headers().contains_key("retry-after"));
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    panic!("nobody gets a bundle");
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_bundles_of_a_long_exchange_take_the_memory_of_two() {
    let installation = Installation::on_sqlite();
    installation.serve().await.terminate().await;
    let exchange = long_exchange(&installation).await;
    let auditor = installation.auditor("mei");
    let server = installation.serve().await;
    let status = server.api().get("/api/status", None).await;
    let head = status["log"]["position"].as_u64().unwrap();
    checkpoint(server.api(), &verifier(&installation), head).await;
    let idle = peak(&server);
    let (length, _) = taken(&server, exchange, &auditor).await;
    let one = peak(&server);
    let all = (0..ASKING).map(|_| taken(&server, exchange, &auditor));
    let all = futures::future::join_all(all).await;
    assert!(all.iter().all(|(other, _)| *other == length), "{all:?}");
    let many = peak(&server);
    say(length, idle, one, many);
    let bound = idle + AT_ONCE * (one - idle) + BESIDES;
    assert!(
        many <= bound,
        "{idle} kB, {one} with one, {many} with {ASKING}"
    );
    server.terminate().await;
}

#[allow(clippy::print_stderr, reason = "figures for the documentation")]
fn say(length: usize, idle: u64, one: u64, many: u64) {
    eprintln!("a bundle of {length} bytes: {idle} kB idle, {one} with one, {many} with {ASKING}");
}
