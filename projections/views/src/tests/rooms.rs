//! Rooms: an exchange with all that was said and agreed, for its parties only (H05-H26, H44).

use meguri_events::{
    CompletionReminded, EvaluationRetracted, EvaluationWritten, Event, ExchangeCompleted, Mode,
    PostId, ReasonCode, Timestamp,
};

use crate::{
    error::QueryError,
    rooms::{ExchangeStatus, Room, RoomQueries, Rooms},
    testing::{
        at, erased, given, plan,
        story::{
            aborted, agreed, applied, cancelled, exchange, member, need, offer, proposed, reported,
            requested, said, started, thanked, whole_exchange,
        },
    },
};

async fn rooms(events: &[Event]) -> RoomQueries {
    RoomQueries(given::<Rooms>(events).await.reader)
}

/// Exchange 1 of member 1, who opened it, and member 2.
async fn room(events: &[Event]) -> Room {
    rooms(events)
        .await
        .room(exchange(1), member(1))
        .await
        .unwrap()
}

#[tokio::test]
async fn an_application_opens_a_room_with_its_first_message_h04_h05_h08() {
    let Room {
        exchange,
        messages,
        terms,
        ..
    } = room(&[applied(1, 1, 2)]).await;
    assert_eq!(exchange.status, ExchangeStatus::Negotiating);
    assert_eq!((exchange.opener, exchange.asked), (member(1), member(2)));
    assert_eq!(exchange.post, PostId::Need(need(1)));
    assert_eq!(exchange.title.as_deref(), Some("犬の散歩"));
    assert_eq!(
        (exchange.mode, exchange.no_return_needed),
        (Mode::InPerson, false)
    );
    assert_eq!((exchange.opened_at, exchange.version.get()), (at(1), 1));
    let [message] = messages.items.try_into().unwrap();
    assert_eq!(
        (message.author, message.text.as_deref()),
        (member(1), Some("お手伝いします"))
    );
    assert!(terms.is_empty());
}

#[tokio::test]
async fn a_request_opens_a_room_and_copies_the_allowed_modes_h02_h15() {
    let exchange = room(&[requested(1, 1, 2)]).await.exchange;
    assert_eq!(exchange.post, PostId::Offer(offer(1)));
    assert_eq!(
        (exchange.allows_online, exchange.allows_offline),
        (true, false)
    );
}

#[tokio::test]
async fn opening_is_consent_of_the_opener_to_the_opening_alone_h12() {
    let exchange = room(&[applied(1, 1, 2)]).await.exchange;
    assert_eq!(
        (exchange.opener_agreed, exchange.asked_agreed),
        (Some(0), None)
    );
    let exchange = room(&[applied(1, 1, 2), proposed(1, 2, 1)]).await.exchange;
    assert_eq!(
        (exchange.opener_agreed, exchange.asked_agreed),
        (Some(0), Some(1))
    );
    assert_eq!(exchange.terms_version, 1);
}

#[tokio::test]
async fn terms_are_kept_by_number_and_agreement_starts_the_exchange_h07_h11() {
    let events = [
        applied(1, 1, 2),
        proposed(1, 1, 1),
        proposed(1, 2, 2),
        agreed(1, 1, 2),
        started(1, 2),
    ];
    let Room {
        exchange, terms, ..
    } = room(&events).await;
    assert_eq!(
        terms.iter().map(|terms| terms.version).collect::<Vec<_>>(),
        [1, 2]
    );
    assert_eq!(terms[1].proposer, member(2));
    assert_eq!(terms[1].what.as_deref(), Some("散歩 2"));
    assert_eq!(terms[1].timing.as_deref(), Some("土曜の朝"));
    assert_eq!(terms[1].in_return.as_deref(), Some("お茶"));
    assert_eq!(exchange.status, ExchangeStatus::InProgress);
    assert_eq!(
        (exchange.opener_agreed, exchange.asked_agreed),
        (Some(2), Some(2))
    );
    assert_eq!(
        (exchange.agreed_version, exchange.mode),
        (Some(2), Mode::ByPost)
    );
    assert_eq!(
        (exchange.has_return, exchange.started_at),
        (Some(true), Some(at(5)))
    );
}

#[tokio::test]
async fn a_message_changes_nothing_but_the_room_h26() {
    let room = room(&[applied(1, 1, 2), said(1, 2, 1, "はじめまして")]).await;
    assert_eq!(room.exchange.status, ExchangeStatus::Negotiating);
    assert_eq!(
        (room.exchange.version.get(), room.exchange.changed_at),
        (2, at(2))
    );
    let texts: Vec<_> = room
        .messages
        .items
        .iter()
        .map(|one| one.text.as_deref())
        .collect();
    assert_eq!(
        texts,
        [Some("はじめまして"), Some("お手伝いします")],
        "newest first"
    );
    assert!(room.messages.items[0].keep_negotiating);
}

#[tokio::test]
async fn either_report_shows_and_both_complete_the_exchange_h21_h23() {
    let events = whole_exchange(1, 1, 2);
    let exchange = room(&events[..6]).await.exchange;
    assert_eq!(
        (exchange.opener_reported_at, exchange.asked_reported_at),
        (Some(at(6)), None)
    );
    assert_eq!(exchange.status, ExchangeStatus::InProgress);
    let Room {
        exchange, thanks, ..
    } = room(&events).await;
    assert_eq!(exchange.status, ExchangeStatus::Completed);
    assert_eq!(
        (exchange.asked_reported_at, exchange.ended_at),
        (Some(at(7)), Some(at(8)))
    );
    assert_eq!(exchange.open_until, Some(at(1).plus_seconds(86_400)));
    assert!(!exchange.completed_by_policy);
    assert_eq!(thanks.len(), 1);
    assert_eq!(
        (thanks[0].sender, thanks[0].words.as_deref()),
        (member(2), Some("助かりました"))
    );
}

#[tokio::test]
async fn a_reminder_and_a_completion_by_policy_show_h44() {
    let reminded = CompletionReminded {
        exchange: exchange(1),
        to: member(2),
    };
    let completed = ExchangeCompleted {
        exchange: exchange(1),
        opener: member(1),
        asked: member(2),
        by_policy: true,
        open_until: Timestamp::from_micros(0),
    };
    let events = [
        applied(1, 1, 2),
        started(1, 0),
        reported(1, 1, 2),
        reminded.into(),
        completed.into(),
    ];
    let exchange = room(&events).await.exchange;
    assert_eq!(exchange.reminded_at, Some(at(4)));
    assert!(exchange.completed_by_policy);
}

#[tokio::test]
async fn a_cancelled_and_an_aborted_exchange_tell_who_and_why_h06_h24() {
    let ended = room(&[applied(1, 1, 2), cancelled(1, 1)]).await.exchange;
    assert_eq!(
        (ended.status, ended.ended_by),
        (ExchangeStatus::Cancelled, Some(member(1)))
    );
    assert_eq!(ended.reason_code, Some(ReasonCode::OwnWords));
    assert_eq!(ended.reason.as_deref(), Some("都合"));
    let ended = room(&[applied(1, 1, 2), started(1, 0), aborted(1, 2)])
        .await
        .exchange;
    assert_eq!(
        (ended.status, ended.ended_by),
        (ExchangeStatus::Aborted, Some(member(2)))
    );
    assert_eq!(
        (ended.reason_code, ended.reason),
        (Some(ReasonCode::MemberLeft), None)
    );
}

#[tokio::test]
async fn an_evaluation_is_read_by_the_parties_until_its_author_retracts_it_h22() {
    let (exchange, by, about) = (exchange(1), member(1), member(2));
    let words = "親切でした".to_owned().into();
    let mut events = vec![
        applied(1, 1, 2),
        EvaluationWritten {
            exchange,
            by,
            about,
            words,
        }
        .into(),
    ];
    let [evaluation] = room(&events).await.evaluations.try_into().unwrap();
    assert_eq!((evaluation.author, evaluation.about), (by, about));
    assert_eq!(evaluation.words.as_deref(), Some("親切でした"));
    events.push(
        EvaluationRetracted {
            exchange,
            by,
            about,
        }
        .into(),
    );
    let [evaluation] = room(&events).await.evaluations.try_into().unwrap();
    assert_eq!(
        (evaluation.words, evaluation.retracted_at),
        (None, Some(at(3)))
    );
}

#[tokio::test]
async fn nobody_but_the_parties_is_shown_a_room_or_its_messages() {
    let rooms = rooms(&whole_exchange(1, 1, 2)).await;
    for party in [1, 2] {
        assert!(rooms.room(exchange(1), member(party)).await.is_ok());
    }
    let room = rooms.room(exchange(1), member(3)).await;
    assert!(matches!(room, Err(QueryError::NotAParty)));
    let messages = rooms.messages(exchange(1), member(3), None, 10).await;
    assert!(matches!(messages, Err(QueryError::NotAParty)));
    let missing = rooms.room(exchange(9), member(1)).await;
    assert!(matches!(missing, Err(QueryError::NotFound)));
}

#[tokio::test]
async fn a_member_finds_all_own_exchanges_on_either_side_newest_first() {
    let events = [
        applied(1, 1, 2),
        requested(2, 3, 1),
        applied(3, 2, 3),
        cancelled(1, 1),
    ];
    let rooms = rooms(&events).await;
    let ids = async |member, status, after, limit| {
        let page = rooms
            .exchanges_of(member, status, after, limit)
            .await
            .unwrap();
        (
            page.items
                .iter()
                .map(|exchange| exchange.id)
                .collect::<Vec<_>>(),
            page.next,
        )
    };
    assert_eq!(
        ids(member(1), None, None, 10).await,
        (vec![exchange(2), exchange(1)], None)
    );
    let cancelled = Some(ExchangeStatus::Cancelled);
    assert_eq!(ids(member(1), cancelled, None, 10).await.0, [exchange(1)]);
    let (first, next) = ids(member(1), None, None, 1).await;
    assert_eq!(first, [exchange(2)]);
    assert_eq!(
        ids(member(1), None, next, 1).await,
        (vec![exchange(1)], None)
    );
}

#[tokio::test]
async fn a_long_room_is_read_page_by_page() {
    let mut events = vec![applied(1, 1, 2)];
    events.extend((0..5).map(|number| said(1, 2, 1, &number.to_string())));
    let rooms = rooms(&events).await;
    let (_, first) = rooms
        .messages(exchange(1), member(1), None, 4)
        .await
        .unwrap();
    let (_, rest) = rooms
        .messages(exchange(1), member(1), first.next, 4)
        .await
        .unwrap();
    let texts = first
        .items
        .iter()
        .chain(&rest.items)
        .map(|one| one.text.as_deref().unwrap());
    assert_eq!(
        texts.collect::<Vec<_>>(),
        ["4", "3", "2", "1", "0", "お手伝いします"]
    );
    assert_eq!(rest.next, None);
}

#[tokio::test]
async fn a_room_whose_words_are_erased_keeps_its_shape() {
    let events: Vec<_> = whole_exchange(1, 1, 2).iter().map(erased).collect();
    let room = room(&events).await;
    assert_eq!(room.exchange.status, ExchangeStatus::Completed);
    assert_eq!(room.exchange.title, None);
    assert!(
        room.messages
            .items
            .iter()
            .all(|message| message.text.is_none())
    );
    assert_eq!(
        (room.terms[0].what.as_deref(), room.terms[0].version),
        (None, 1)
    );
    assert!(room.thanks[0].erased);
    let unsaid = self::room(&[applied(1, 1, 2), thanked(1, 2, 1, None)]).await;
    assert!(
        !unsaid.thanks[0].erased,
        "thanks without words were never erased"
    );
}

#[tokio::test]
async fn rooms_and_lists_of_exchanges_are_found_by_an_index() {
    let folded = given::<Rooms>(&whole_exchange(1, 1, 2)).await;
    let file = folded.file.readers();
    for query in [
        "select * from exchange where id in (select value from json_each('[]'))",
        "select * from exchange where (opener = ? or asked = ?) and opened < ?",
        "select * from message where exchange = ? and position < ? order by position desc",
        "select * from terms where (exchange, version) in
            (select json_extract(value, '$[0]'), json_extract(value, '$[1]') from json_each('[]'))",
    ] {
        let plan = plan(&file, query).await;
        let table = query.split(' ').nth(3).unwrap();
        assert!(plan.contains(&format!("SEARCH {table}")), "{query}: {plan}");
        assert!(!plan.contains(&format!("SCAN {table}")), "{query}: {plan}");
    }
}
