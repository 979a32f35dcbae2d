//! `meguri views`: the same answers with a running server and without one.

use super::{Desk, said};
use crate::support::server::Installation;

const NAMES: [&str; 5] = ["board", "profiles", "thanks", "rooms", "history"];

fn assert_lists_every_view(text: &str) {
    for name in NAMES {
        assert!(
            text.lines().any(|line| line.starts_with(name)),
            "{name} is missing in {text}"
        );
    }
}

#[test]
fn without_a_server_views_are_listed_and_rebuilt_by_the_command_itself() {
    let desk = Desk::new();
    desk.answer(&["demo", "--members", "5", "--exchanges", "4"]);
    assert_lists_every_view(&desk.answer(&["views", "list"]));
    let rebuilt = desk.answer(&["views", "rebuild", "all"]);
    let head = desk.answer(&["log", "stat"]);
    let head = head
        .lines()
        .next()
        .unwrap()
        .split([' ', ','])
        .nth(7)
        .unwrap()
        .to_owned();
    for name in NAMES {
        let expected = format!("{name}: rebuilt up to position {head} in ");
        assert!(
            rebuilt.contains(&expected),
            "{expected:?} is missing in {rebuilt}"
        );
    }
    assert!(desk.answer(&["views", "list"]).matches(" live").count() == NAMES.len());
    let unknown = desk.run(&["views", "rebuild", "nothing"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(said(&unknown).contains("views list"), "{}", said(&unknown));
}

#[tokio::test]
async fn a_running_server_is_asked_and_goes_on_serving() {
    let installation = Installation::on_sqlite();
    installation.run(&["demo", "--members", "5", "--exchanges", "4"]);
    let server = installation.serve().await;
    let before = server.api().get("/api/board", None).await;
    let listed = installation.run(&["views", "list"]);
    assert_lists_every_view(&listed);
    assert_eq!(listed.matches(" live").count(), NAMES.len(), "{listed}");
    let rebuilt = installation.run(&["views", "rebuild", "board"]);
    assert!(
        rebuilt.starts_with("board: rebuilt up to position "),
        "{rebuilt}"
    );
    assert_eq!(server.api().get("/api/board", None).await, before);
    server.terminate().await;
}

#[tokio::test]
async fn a_second_server_on_the_same_folder_is_refused_with_code_3() {
    let installation = Installation::on_sqlite();
    let _server = installation.serve().await;
    let data = installation.data().display().to_string();
    let second = Desk::new().run(&["serve", "--listen", "127.0.0.1:0", "--data", &data]);
    assert_eq!(second.status.code(), Some(3), "{}", said(&second));
    assert!(
        said(&second).contains("another process owns the views"),
        "{}",
        said(&second)
    );
}
