//! What an exit code says is true, also where nobody can read the answer: never a success that
//! nobody has seen, never a verdict that is none.

use std::collections::BTreeSet;

use clap::CommandFactory as _;
use meguri::command_line::CommandLine;

use super::proofs::{checkpoint, verifier};
use crate::support::server::Installation;

/// What was to be shown was not, or nobody was told of what is done.
const UNTOLD: i32 = 4;
/// They run until they are told to stop; whether anybody reads what they say is all the same.
const RUN_FOR_EVER: [&str; 2] = ["serve", "witness"];

/// Every subcommand that does one thing, as it is typed.
fn subcommands() -> BTreeSet<String> {
    fn walk(command: &clap::Command, above: &str, found: &mut BTreeSet<String>) {
        let below = command
            .get_subcommands()
            .filter(|it| it.get_name() != "help");
        for one in below {
            let name = format!("{above}{}", one.get_name());
            if one.has_subcommands() {
                walk(one, &format!("{name} "), found);
            } else {
                found.insert(name);
            }
        }
    }
    let mut found = BTreeSet::new();
    walk(&CommandLine::command(), "", &mut found);
    found
}

/// A community that was published, and what of it can be asked for.
struct Place {
    installation: Installation,
    exchange: String,
    members: Vec<String>,
    key: String,
}

impl Place {
    async fn new() -> Self {
        let installation = Installation::on_sqlite();
        installation.run(&["demo", "--members", "4", "--exchanges", "2"]);
        let server = installation.serve().await;
        let key = verifier(&installation);
        checkpoint(server.api(), &key, 30).await;
        server.terminate().await;
        for _ in 0..2 {
            installation.run(&["views", "rebuild", "board"]);
        }
        let events = installation.run(&["log", "export"]);
        let streams = |of: &str| {
            let begins = format!("\"stream\":\"{of}-");
            let named = events.split(&begins).skip(1);
            let ids = named.map(|rest| rest.split('"').next().unwrap());
            let ids: BTreeSet<String> = ids.map(|id| format!("{of}-{id}")).collect();
            ids.into_iter().collect::<Vec<_>>()
        };
        let exchange = streams("exchange").swap_remove(0);
        let bundle = ["audit", "bundle", &exchange, "--output", "bundle.zip"];
        installation.run(&bundle);
        let export = ["views", "export", "board", "board.view", "--reason", "R-1"];
        installation.run(&[&export[..], &["--by", "me"]].concat());
        Self {
            exchange,
            members: streams("member"),
            installation,
            key: key.to_string(),
        }
    }

    /// How a subcommand is called that can do what it is to do, each time in a way of its own, and
    /// what its exit code is where nobody sees the answer.
    fn call(&self, subcommand: &str, time: usize) -> (Vec<String>, i32) {
        let (exchange, key) = (&self.exchange, &self.key);
        let (rest, code): (String, i32) = match subcommand {
            "demo" => (
                format!("--seed {} --members 4 --exchanges 0", 7 + time),
                UNTOLD,
            ),
            "log tail" => ("--after 0 --count 3".to_owned(), UNTOLD),
            "log show" => ("1".to_owned(), UNTOLD),
            "views rebuild" | "views retry" | "views rollback" => ("board".to_owned(), UNTOLD),
            "views verify" | "views diff" | "views bisect" => ("board".to_owned(), 0),
            "views build" => ("board --as-of 5".to_owned(), UNTOLD),
            "views export" => (format!("board {time}.view --reason R-1 --by me"), UNTOLD),
            "views import" => ("board.view".to_owned(), UNTOLD),
            "erase" => (self.members[time].clone(), UNTOLD),
            // A token that nobody has seen is none.
            "auditor add" | "operator add" => ("unseen".to_owned(), 1),
            "auditor revoke" | "operator revoke" => (format!("seen{time}"), UNTOLD),
            "audit check" => (String::new(), 0),
            "audit verify" => (format!("bundle.zip --key {key}"), 0),
            "audit publish" => ("published".to_owned(), UNTOLD),
            "audit bundle" => (format!("{exchange} --output {time}.zip"), UNTOLD),
            "audit redact" => (format!("{} --reason R-1 --by me", 10 + time), UNTOLD),
            "dictionary build" => (format!("--to dictionary{time}"), UNTOLD),
            "backup" => ("backups".to_owned(), UNTOLD),
            "restore" => ("backups --check".to_owned(), 0),
            _ => (String::new(), UNTOLD),
        };
        let words = subcommand.split(' ').chain(rest.split_whitespace());
        (words.map(str::to_owned).collect(), code)
    }
}

#[tokio::test]
async fn no_subcommand_says_by_its_exit_code_what_nobody_has_seen() {
    let place = Place::new().await;
    let all = subcommands();
    assert!(all.len() > 30, "{all:?}");
    for name in ["seen0", "seen1"] {
        for role in ["auditor", "operator"] {
            place.installation.run(&[role, "add", name]);
        }
    }
    // What changes the log goes last: the others are asked of one that stays as it is.
    let changes = |name: &str| {
        matches!(
            name,
            "restore" | "erase" | "audit redact" | "vault rotate" | "demo"
        )
    };
    let (later, first): (Vec<_>, Vec<_>) = all.iter().partition(|name| changes(name));
    for name in first.into_iter().chain(later) {
        if RUN_FOR_EVER.contains(&name.as_str()) {
            continue;
        }
        for time in [0, 1] {
            let (call, code) = place.call(name, time);
            let call: Vec<&str> = call.iter().map(String::as_str).collect();
            let found = place.installation.unread_once(&call, time);
            assert_eq!(found, Some(code), "{call:?}, {time}");
        }
    }
    // What was done is done.
    let folder = place.installation.folder();
    for file in [
        "0.zip",
        "1.view",
        "backups",
        "published/checkpoint",
        "dictionary1",
    ] {
        assert!(folder.join(file).exists(), "{file}");
    }
    for role in ["auditor", "operator"] {
        let left = place.installation.run(&[role, "list"]);
        assert_eq!(left.lines().count(), 1, "{left}");
    }
}

#[test]
fn help_that_nobody_sees_is_no_success() {
    let installation = Installation::on_sqlite();
    for call in [
        &["--help"][..],
        &["--version"],
        &["log", "--help"],
        &["views", "--help"],
    ] {
        for time in [0, 1] {
            assert_eq!(
                installation.unread_once(call, time),
                Some(UNTOLD),
                "{call:?}"
            );
        }
        assert_eq!(installation.end_of(call).status.code(), Some(0), "{call:?}");
    }
    assert_eq!(installation.end_of(&["no-such"]).status.code(), Some(2));
}
