//! Looking into the log, with and without a server beside.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::{Value, json};

use super::{Desk, said};
use crate::support::server::Installation;

/// A log with a small community.
fn filled() -> Desk {
    let desk = Desk::new();
    desk.answer(&["demo", "--members", "5", "--exchanges", "4", "--seed", "3"]);
    desk
}

#[test]
fn stat_counts_events_by_category_and_type() {
    let desk = filled();
    let text = desk.answer(&["log", "stat"]);
    let head = first_number_after(&text, "head      position ");
    let all = first_number_after(&text, "\nall ");
    assert_eq!(head, all, "{text}");
    assert_eq!(first_number_after(&text, "\nmember "), 5, "{text}");
    assert_eq!(
        first_number_after(&text, "\nMemberRegistered "),
        5,
        "{text}"
    );
    // Two claims for each member, and one for each exchange that was opened.
    let openings = ["\nExchangeApplied ", "\nExchangeRequested "];
    let opened: u64 = openings
        .iter()
        .map(|name| first_number_after(&text, name))
        .sum();
    assert_eq!(
        first_number_after(&text, "\nClaimTaken "),
        2 * 5 + opened,
        "{text}"
    );
}

fn first_number_after(text: &str, label: &str) -> u64 {
    let Some((_, rest)) = text.split_once(label) else {
        return 0;
    };
    let digits = rest
        .trim_start()
        .split(|c: char| !c.is_ascii_digit())
        .next()
        .unwrap();
    digits
        .parse()
        .unwrap_or_else(|_| panic!("no number after {label:?} in {text}"))
}

#[test]
fn show_prints_an_event_and_its_words_for_a_reason_only_which_is_recorded() {
    let desk = filled();
    let by_position = desk.answer(&["log", "show", "3"]);
    assert!(
        by_position.contains("type         MemberRegistered"),
        "{by_position}"
    );
    assert!(!by_position.contains("@example.jp"), "{by_position}");
    assert!(by_position.contains("(left sealed)"), "{by_position}");
    let because = ["--by", "ken", "--reason", "宛先不明の確認"];
    let opened = desk.answer(&[&["log", "show", "3"], &because[..]].concat());
    assert!(opened.contains("@example.jp"), "{opened}");
    let export = desk.answer(&["log", "export"]);
    let access = export.lines().next_back().unwrap();
    let access: Value = serde_json::from_str(access).unwrap();
    assert_eq!(access["header"]["type"], "SealedTextOpened");
    assert_eq!(access["header"]["actor"], "operator-ken");
    let sections = &access["header"]["data"]["sections"];
    assert_eq!(*sections, json!(["3/profile", "3/mail"]));
    assert!(!export.contains("宛先不明"), "the reason is sealed, too");
    for wrong in [
        ["--by", "けん", "--reason", "x"],
        ["--by", "ken", "--reason", " "],
    ] {
        let refused = desk.run(&[&["log", "show", "3"], &wrong[..]].concat());
        assert_eq!(refused.status.code(), Some(2), "{wrong:?}");
    }

    let stream = by_position
        .lines()
        .find_map(|line| line.strip_prefix("stream       "))
        .unwrap();
    let by_stream = desk.answer(&["log", "show", stream]);
    assert!(by_stream.starts_with(&by_position), "{by_stream}");
}

#[test]
fn show_says_where_the_log_ends_and_what_is_no_stream() {
    let desk = filled();
    let beyond = desk.run(&["log", "show", "1000000"]);
    assert_eq!(beyond.status.code(), Some(1));
    assert!(
        said(&beyond).contains("the log ends at"),
        "{}",
        said(&beyond)
    );
    let unknown = desk.run(&["log", "show", "exchange-nobody"]);
    assert_eq!(unknown.status.code(), Some(1));
    let neither = desk.run(&["log", "show", "たぶん"]);
    assert_eq!(neither.status.code(), Some(2));
}

#[test]
fn export_gives_every_header_byte_for_byte() {
    let desk = filled();
    let text = desk.answer(&["log", "export"]);
    for (line, position) in text.lines().zip(1_u64..) {
        let event: Value = serde_json::from_str(line).unwrap();
        assert_eq!(event["position"], position);
        // Fields in the order in which they are stored and hashed.
        assert!(line.contains(r#""header":{"id":""#), "{line}");
    }
    desk.answer(&["log", "export", "--output", "all.ndjson"]);
    assert_eq!(
        std::fs::read_to_string(desk.path().join("all.ndjson")).unwrap(),
        text
    );
    let tail = desk.answer(&["log", "export", "--after", "3"]);
    assert!(text.ends_with(&tail) && tail.starts_with(r#"{"position":4,"#));
}

#[tokio::test]
async fn tail_prints_what_happens_in_a_running_server() {
    let installation = Installation::on_sqlite();
    let server = installation.serve().await;
    let data = installation.data().display().to_string();
    let desk = Desk::new();
    let mut tail = desk
        .command(&[
            "log", "tail", "--after", "0", "--count", "4", "--data", &data,
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let hanako = server.api().register("hanako", "はなこ").await;
    let need = json!({"title": "草むしり", "description": "庭", "category": "housework",
        "offline": true, "no_return_needed": true});
    server.api().done(&hanako, "needs", &need).await;
    let lines: Vec<String> = BufReader::new(tail.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap)
        .collect();
    assert!(tail.wait().unwrap().success());
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert!(lines[2].contains("MemberRegistered"), "{lines:?}");
    assert!(lines[3].contains("NeedPosted"), "{lines:?}");
    assert!(
        lines[3].contains(&format!("by member-{}", hanako.id)),
        "{lines:?}"
    );
    assert!(
        !lines.concat().contains("草むしり"),
        "what was typed stays sealed"
    );
}
