//! A new release: another process takes the place of the running server, and no request fails.

mod load;
mod schema;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;

use meguri_postgres_cluster::shared;

use super::said;
use crate::support::connection::{Connection, get};
use crate::support::server::Installation;
use load::Load;

const BOARD: &str = "/api/board";

fn on_postgresql() -> Installation {
    Installation::on_databases(|| shared().unwrap().create_database().unwrap())
}

fn on_both() -> [Installation; 2] {
    [Installation::on_sqlite(), on_postgresql()]
}

#[tokio::test(flavor = "multi_thread")]
async fn replaced_twice_under_load_the_server_fails_no_request_on_sqlite() {
    replaced_twice_under_load_it_fails_no_request(&Installation::on_sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replaced_twice_under_load_the_server_fails_no_request_on_postgresql() {
    replaced_twice_under_load_it_fails_no_request(&on_postgresql()).await;
}

async fn replaced_twice_under_load_it_fails_no_request(installation: &Installation) {
    let mut server = installation.serve().await;
    let load = Load::start(server.api()).await;
    load.progress().await;
    for _ in 0..2 {
        let next = installation.replace().await;
        assert_eq!(next.api().host(), server.api().host());
        let said = format!("replaced by process {}", next.pid());
        std::mem::replace(&mut server, next).ended().await;
        assert!(installation.diagnostics().contains(&said), "{said:?}");
        load.progress().await;
    }
    let acknowledged = load.end().await;
    server.terminate().await;

    let exported = installation.run(&["log", "export"]);
    for need in &acknowledged {
        let stream = format!(r#""stream":"need-{need}""#);
        assert_eq!(
            exported.matches(&stream).count(),
            1,
            "{need} is there, once"
        );
    }
}

#[tokio::test]
async fn who_is_connected_stays_connected() {
    for installation in on_both() {
        let server = installation.serve().await;
        let host = server.api().host().to_owned();
        let board = get(BOARD);
        let (begin, rest) = board.split_at(20);
        let silent = Connection::open(&host).await.unwrap();
        let mut half_asked = Connection::open(&host).await.unwrap();
        half_asked.send(begin).await.unwrap();
        let mut idle = Connection::open(&host).await.unwrap();
        assert_eq!(idle.ask(&get(BOARD)).await.unwrap().status, 200);
        let mut half_asked_again = Connection::open(&host).await.unwrap();
        half_asked_again.ask(&get(BOARD)).await.unwrap();
        half_asked_again.send(begin).await.unwrap();

        // The second time, what they have sent has been handed on already.
        let second = installation.replace().await;
        server.ended().await;
        let third = installation.replace().await;
        second.ended().await;

        for connection in [&mut half_asked, &mut half_asked_again] {
            connection.send(rest).await.unwrap();
            assert_eq!(connection.answer().await.unwrap().status, 200);
        }
        for connection in &mut [silent, half_asked, idle, half_asked_again] {
            let answer = connection.ask(&get(BOARD)).await.unwrap();
            assert_eq!((answer.status, answer.last), (200, false), "{answer:?}");
        }
        third.terminate().await;
    }
}

#[tokio::test]
async fn a_live_stream_ends_whole_and_goes_on_where_it_was() {
    for installation in on_both() {
        let server = installation.serve().await;
        let host = server.api().host().to_owned();
        let mut reader = Connection::open(&host).await.unwrap();
        reader.send(&get("/api/stream?after=0")).await.unwrap();
        let head = reader.head().await.unwrap();
        assert!(head[0].contains(" 200 "), "{head:?}");
        let next = installation.replace().await;
        server.ended().await;
        // The last chunk of a body, which a client waits for, and not just the end.
        while reader.line().await.unwrap() != "0" {}
        assert_eq!(reader.line().await.unwrap(), "");
        reader.send(&get("/api/stream?after=0")).await.unwrap();
        let head = reader.head().await.unwrap();
        assert!(head[0].contains(" 200 "), "{head:?}");
        next.terminate().await;
    }
}

#[tokio::test]
async fn a_second_server_without_replace_is_refused_and_told_of_it() {
    for installation in on_both() {
        let server = installation.serve().await;
        for listen in ["127.0.0.1:0", server.api().host()] {
            let output = installation.end_of(&["serve", "--listen", listen]);
            assert_eq!(output.status.code(), Some(3), "{}", said(&output));
            assert!(
                said(&output).contains("serve --replace"),
                "{}",
                said(&output)
            );
        }
        assert!(server.api().is_ready().await);
        server.terminate().await;
    }
}

#[tokio::test]
async fn where_no_server_runs_replace_simply_serves() {
    for installation in on_both() {
        let server = installation.replace_at("127.0.0.1:0").await;
        server.api().register("hanako", "はなこ").await;
        server.terminate().await;
        assert!(!installation.data().join("serve.sock").exists());
    }
}

#[tokio::test]
async fn after_kill_9_replace_serves_though_the_socket_is_still_there() {
    for installation in on_both() {
        installation.serve().await.kill();
        assert!(installation.data().join("serve.sock").exists());
        let server = installation.replace_at("127.0.0.1:0").await;
        server.api().register("hanako", "はなこ").await;
        server.terminate().await;
    }
}

#[tokio::test]
async fn who_asks_and_goes_away_changes_nothing() {
    let installation = Installation::on_sqlite();
    let server = installation.serve().await;
    let socket = installation.data().join("serve.sock");
    let mode = socket.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "for its user alone");
    for asked in ["", "what?\n", "{\"request\":\"listener\",\"pid\":1}\n"] {
        let mut process = UnixStream::connect(&socket).unwrap();
        process.write_all(asked.as_bytes()).unwrap();
        if asked.contains("listener") {
            let mut answer = String::new();
            BufReader::new(process).read_line(&mut answer).unwrap();
            assert!(answer.contains(&server.pid().to_string()), "{answer}");
        }
    }
    server.api().register("hanako", "はなこ").await;
    let next = installation.replace().await;
    server.ended().await;
    next.terminate().await;
}

#[tokio::test]
async fn a_new_address_is_taken_before_the_old_server_is_asked_to_make_way() {
    let installation = Installation::on_sqlite();
    let server = installation.serve().await;
    let mut client = Connection::open(server.api().host()).await.unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let serve = ["serve", "--replace", "--listen", &address];
    let output = installation.end_of(&serve);
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert!(server.api().is_ready().await);

    drop(taken);
    let next = installation.replace_at(&address).await;
    assert_eq!(next.api().host(), address);
    server.ended().await;
    assert_eq!(client.ask(&get(BOARD)).await.unwrap().status, 200);

    let last = installation.replace_at("127.0.0.1:0").await;
    assert_eq!(last.api().host(), address);
    next.ended().await;
    last.terminate().await;
}
