//! A server whose output nobody takes serves on, and a command that cannot say why answers the
//! same.

use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use super::Desk;
use crate::support::api::Api;

/// Where diagnostics are lost.
#[derive(Debug, Clone, Copy)]
enum Lost {
    /// A disk that is full.
    Full,
    /// A pipe whose reader has gone.
    Closed,
    /// A pipe whose reader does not read.
    Unread,
}

const ALL: [Lost; 3] = [Lost::Full, Lost::Closed, Lost::Unread];

/// As much as a pipe holds on Linux, many times over.
const REQUESTS: usize = 400;

/// A free port of this machine.
fn port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Standard error that loses everything; the reader of a pipe, for as long as it is wanted.
fn losing(lost: Lost) -> (Stdio, Option<std::io::PipeReader>) {
    match lost {
        Lost::Full => {
            let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
            (full.into(), None)
        }
        Lost::Closed => (std::io::pipe().unwrap().1.into(), None),
        Lost::Unread => {
            let (reader, writer) = std::io::pipe().unwrap();
            (writer.into(), Some(reader))
        }
    }
}

async fn ready(api: &Api, server: &mut Child) {
    for _ in 0..6_000 {
        if api.is_ready().await {
            return;
        }
        assert!(server.try_wait().unwrap().is_none(), "the server ended");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the server is not ready");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_diagnostics_are_lost_answers_as_if_they_were_not() {
    for lost in ALL {
        let desk = Desk::new();
        let address = format!("127.0.0.1:{}", port());
        let filter = "debug,hyper=trace,sqlx=trace";
        let arguments = ["serve", "--listen", &address, "--log-filter", filter];
        let (errors, _reader) = losing(lost);
        // What it says on standard output is no answer, either.
        let (output, _other) = losing(lost);
        let mut command = desk.command(&arguments);
        let mut server = command.stdout(output).stderr(errors).spawn().unwrap();
        let api = Api::new(&format!("http://{address}"));
        ready(&api, &mut server).await;
        api.register("yuki", "ゆき").await;
        for _ in 0..REQUESTS {
            assert_eq!(api.status("/readyz", None).await, 200, "{lost:?}");
        }
        assert_eq!(api.status("/healthz", None).await, 200, "{lost:?}");
        let pid = rustix::process::Pid::from_child(&server);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        assert!(server.wait().unwrap().success(), "{lost:?}");
    }
}

#[test]
fn a_command_whose_diagnostics_are_lost_ends_as_it_would_otherwise() {
    let desk = Desk::new();
    desk.answer(&["demo", "--members", "4", "--exchanges", "2"]);
    let commands: [&[&str]; 9] = [
        &["config"],
        &["log", "stat"],
        &["log", "show", "999999"],
        &["views", "list"],
        &["views", "verify", "all"],
        &["views", "rebuild", "no-such-view"],
        &["audit", "check"],
        &["vault", "status"],
        &["no-such-command"],
    ];
    for command in commands {
        let wanted = desk.run(command);
        for lost in ALL {
            let (errors, _reader) = losing(lost);
            let mut run = desk.command(command);
            run.args(["--log-filter", "trace"]);
            let found = run.stderr(errors).output().unwrap();
            assert_eq!(
                found.status.code(),
                wanted.status.code(),
                "{command:?} {lost:?}"
            );
        }
    }
}

#[test]
fn the_first_line_of_a_server_may_be_all_that_anybody_reads() {
    let desk = Desk::new();
    let mut command = desk.command(&["serve", "--listen", "127.0.0.1:0"]);
    let mut server = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut reader = BufReader::new(server.stdout.take().unwrap());
    reader.read_line(&mut line).unwrap();
    drop(reader);
    assert!(line.contains("http://127.0.0.1:"), "{line}");
    assert!(server.try_wait().unwrap().is_none());
    let pid = rustix::process::Pid::from_child(&server);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(server.wait().unwrap().success());
}
