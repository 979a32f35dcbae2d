//! What is set is what holds: folders with odd names, variables that are no text or nobody knows.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;
use std::process::Stdio;

use super::{Desk, said};
use crate::support::server::Installation;

/// Names that mean something to a URL, a shell, SQLite, or the address of a socket.
fn odd_names() -> Vec<String> {
    let names = [
        "a%62",
        "x?y",
        "x?mode=memory",
        "with spaces",
        "a#b",
        "file:a",
        ":memory:",
        "sqlite:a",
        "postgres:",
        "巡り",
        "a'b\"c",
        "a&b=c;d",
        "-a",
    ];
    let long = ["n".repeat(120), "n".repeat(250)];
    names.map(str::to_owned).into_iter().chain(long).collect()
}

fn files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_folder_of_any_name_holds_everything_and_every_command_reaches_its_server() {
    for name in odd_names() {
        let installation = Installation::named(&name);
        let server = installation.serve().await;
        server.api().register("yuki", "ゆき").await;
        let mut around = [name.clone(), "diagnostics".to_owned()];
        around.sort();
        assert_eq!(files(installation.folder()), around);
        let there = files(&installation.data());
        for file in ["log.db", "vault.db", "views", "views.sock", "serve.sock"] {
            assert!(
                there.iter().any(|it| it == file),
                "{name}: {file} in {there:?}"
            );
        }
        // Only the server can answer: it owns the views.
        let list = installation.run(&["views", "list"]);
        assert!(list.contains("board"), "{name}: {list}");
        let next = installation.replace().await;
        server.ended().await;
        assert!(
            installation.run(&["log", "stat"]).contains("events"),
            "{name}"
        );
        next.terminate().await;
    }
}

#[test]
fn a_data_folder_whose_name_is_no_text_is_refused_with_what_to_do() {
    let desk = Desk::new();
    let mut command = desk.command(&["log", "stat", "--data"]);
    let output = command
        .arg(OsString::from_vec(b"d\xff".to_vec()))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("symbolic link"), "{}", said(&output));
    assert_eq!(std::fs::read_dir(desk.path()).unwrap().count(), 0);
}

#[test]
fn a_variable_that_is_not_utf_8_opens_no_other_log_than_the_one_it_names() {
    let desk = Desk::new();
    let mut command = desk.command(&["serve", "--listen", "127.0.0.1:0"]);
    command.env(
        "DATABASE_URL",
        OsString::from_vec(b"postgres://me:p\xff@db/x".to_vec()),
    );
    let output = command.stdout(Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("DATABASE_URL"), "{}", said(&output));
    assert_eq!(std::fs::read_dir(desk.path()).unwrap().count(), 0);
}

#[test]
fn a_variable_that_nobody_knows_is_refused_before_anything_is_made() {
    let desk = Desk::new();
    let mut command = desk.command(&["demo", "--members", "4", "--exchanges", "0"]);
    let output = command.env("MEGURI_DTA", "elsewhere").output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    let said = said(&output);
    assert!(
        said.contains("MEGURI_DTA") && said.contains("MEGURI_DATA"),
        "{said}"
    );
    assert_eq!(std::fs::read_dir(desk.path()).unwrap().count(), 0);
}
