//! History: who did what in an exchange, when, and because of what.

use crate::{
    error::QueryError,
    history::{Asking, History, HistoryQueries},
    page::Cursor,
    testing::{
        at, given,
        story::{exchange, member, said, whole_exchange},
    },
};

async fn history() -> HistoryQueries {
    let mut events = whole_exchange(1, 1, 2);
    events.extend(whole_exchange(2, 3, 4));
    HistoryQueries(given::<History>(&events).await.reader)
}

#[tokio::test]
async fn everything_that_happened_in_an_exchange_is_told_in_order() {
    let asking = Asking::Member(member(2));
    let page = history()
        .await
        .of(exchange(1), asking, None, 100)
        .await
        .unwrap();
    let types: Vec<_> = page
        .items
        .iter()
        .map(|entry| entry.event_type.as_ref())
        .collect();
    let expected = [
        "ExchangeApplied",
        "MessagePosted",
        "TermsProposed",
        "TermsAgreed",
        "ExchangeStarted",
        "CompletionReported",
        "CompletionReported",
        "ExchangeCompleted",
        "ThanksSent",
    ];
    assert_eq!(types, expected);
    let last = page.items.last().unwrap();
    assert_eq!(
        (last.version.get(), last.position.get(), last.at),
        (9, 9, at(9))
    );
    assert_eq!(&*last.actor, "member-tester");
    assert!(last.correlation.is_some());
}

#[tokio::test]
async fn history_holds_open_data_only_and_never_what_was_typed() {
    let history = history().await;
    let page = history
        .of(exchange(1), Asking::Auditor, None, 100)
        .await
        .unwrap();
    let said = said(1, 2, 1, "はじめまして").encode().unwrap().data;
    assert_eq!(*page.items[1].data, *said);
    assert!(
        page.items
            .iter()
            .all(|entry| !entry.data.contains("はじめまして"))
    );
}

#[tokio::test]
async fn the_parties_and_an_auditor_see_a_history_and_nobody_else() {
    let history = history().await;
    for asking in [
        Asking::Member(member(1)),
        Asking::Member(member(2)),
        Asking::Auditor,
    ] {
        assert!(history.of(exchange(1), asking, None, 10).await.is_ok());
    }
    let stranger = history
        .of(exchange(1), Asking::Member(member(3)), None, 10)
        .await;
    assert!(matches!(stranger, Err(QueryError::NotAParty)));
    let missing = history.of(exchange(9), Asking::Auditor, None, 10).await;
    assert!(matches!(missing, Err(QueryError::NotFound)));
}

#[tokio::test]
async fn a_long_history_is_read_page_by_page() {
    let history = history().await;
    let mut versions = Vec::new();
    let mut after: Option<Cursor> = None;
    loop {
        let page = history
            .of(exchange(2), Asking::Auditor, after, 4)
            .await
            .unwrap();
        versions.extend(page.items.iter().map(|entry| entry.version.get()));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(versions, (1..=9).collect::<Vec<_>>());
}
