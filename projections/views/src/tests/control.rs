//! Another process asks the one that owns the views, through the socket in the data folder.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_util::sync::CancellationToken;

use super::run::{LONG, open};
use meguri_engine::{
    RebuildStep, Views,
    control::{Answer, Client, Request, SOCKET, Server},
};

use crate::testing::{log, story::random_story};

async fn serving(data: &Path) -> (Views, CancellationToken, tokio::task::JoinHandle<()>) {
    let log = log::sqlite(data).await;
    let position = log::append(&log, &random_story(1, 4)).await;
    let views = open(&log, &data.join("views")).await;
    views.wait_for_all(position, LONG).await.unwrap();
    let stop = CancellationToken::new();
    let server = Server::bind(&views, data).unwrap();
    let serving = tokio::spawn(server.run(views.clone(), stop.clone()));
    (views, stop, serving)
}

async fn answers(data: &Path, request: &Request) -> Vec<Answer> {
    let mut client = Client::ask(data, request).await.unwrap().unwrap();
    let mut answers = Vec::new();
    while let Some(answer) = client.next().await.unwrap() {
        answers.push(answer);
    }
    answers
}

#[tokio::test]
async fn the_views_are_listed_and_rebuilt_through_the_socket() {
    let data = TempDir::new().unwrap();
    let (views, stop, serving) = serving(data.path()).await;
    let listed = answers(data.path(), &Request::List).await;
    assert_eq!(
        listed,
        [Answer::Views {
            head: views.head(),
            views: views.status()
        }]
    );
    let rebuilt = answers(
        data.path(),
        &Request::Rebuild {
            name: "board".into(),
        },
    )
    .await;
    let Some(Answer::Step(RebuildStep::Switched { position, .. })) = rebuilt.last() else {
        panic!("it did not switch: {rebuilt:?}")
    };
    assert_eq!(*position, views.head());
    assert!(matches!(
        rebuilt[0],
        Answer::Step(RebuildStep::Folded { .. })
    ));
    stop.cancel();
    serving.await.unwrap();
    assert!(
        !data.path().join(SOCKET).exists(),
        "the socket goes with its process"
    );
}

#[tokio::test]
async fn what_cannot_be_met_is_refused_with_a_reason() {
    let data = TempDir::new().unwrap();
    let (_views, _stop, _serving) = serving(data.path()).await;
    let refused = answers(
        data.path(),
        &Request::Rebuild {
            name: "nothing".into(),
        },
    )
    .await;
    let [Answer::Refused { reason }] = refused.as_slice() else {
        panic!("it was not refused: {refused:?}")
    };
    assert!(reason.contains("nothing"), "{reason}");
    let mut raw = tokio::net::UnixStream::connect(data.path().join(SOCKET))
        .await
        .unwrap();
    raw.write_all(b"open sesame\n").await.unwrap();
    let mut answer = String::new();
    raw.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with(r#"{"answer":"refused""#), "{answer}");
}

#[tokio::test]
async fn only_the_user_of_the_process_may_ask() {
    let data = TempDir::new().unwrap();
    let (_views, _stop, _serving) = serving(data.path()).await;
    let mode = fs::metadata(data.path().join(SOCKET))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn where_nobody_owns_the_views_nobody_answers_also_after_a_crash() {
    let data = TempDir::new().unwrap();
    assert!(
        Client::ask(data.path(), &Request::List)
            .await
            .unwrap()
            .is_none()
    );
    drop(std::os::unix::net::UnixListener::bind(data.path().join(SOCKET)).unwrap());
    assert!(
        Client::ask(data.path(), &Request::List)
            .await
            .unwrap()
            .is_none()
    );
    let (_views, _stop, _serving) = serving(data.path()).await;
    assert_eq!(
        answers(data.path(), &Request::List).await.len(),
        1,
        "the socket was replaced"
    );
}
