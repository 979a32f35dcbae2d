//! Profiles and thanks: what stays of what people did for each other (H18-H20, H23, H24).

use meguri_events::{Event, Opened, Prefecture};

use meguri_engine::files::view_file::More;

use crate::{
    error::QueryError,
    profiles::{Profile, ProfileQueries, Profiles},
    testing::{
        at, erased, given,
        story::{
            aborted, applied, completed, exchange, left, member, nickname_changed, registered,
            registered_in, thanked, whole_exchange,
        },
    },
    thanks::{Thanks, ThanksQueries},
};

async fn profiles(events: &[Event]) -> ProfileQueries {
    ProfileQueries(given::<Profiles>(events).await.reader)
}

fn hanako_and_taro() -> Vec<Event> {
    vec![registered(1, "hanako"), registered(2, "taro")]
}

#[tokio::test]
async fn a_profile_tells_who_a_member_is_since_when() {
    let profiles = profiles(&hanako_and_taro()).await;
    let profile = profiles.by_user_name("taro").await.unwrap();
    let expected = Profile {
        id: member(2),
        user_name: Some("taro".into()),
        nickname: Some("taroさん".into()),
        prefecture: None,
        since: at(2),
        left_at: None,
        exchanges_completed: 0,
        thanks_received: 0,
    };
    assert_eq!(profile, expected);
    assert_eq!(profiles.by_id(member(2)).await.unwrap(), expected);
    let missing = profiles.by_user_name("jiro").await;
    assert!(matches!(missing, Err(QueryError::NotFound)));
}

/// A registration as it was written before members were asked where they live.
fn registered_long_ago(number: u128, user_name: &str) -> Event {
    let data = format!(r#"{{"member":"{}"}}"#, member(number).stream());
    let profile = format!(r#"{{"user_name":"{user_name}","nickname":"{user_name}"}}"#);
    let sections = [
        ("profile", Opened::Plain(profile.as_bytes())),
        ("mail", Opened::Erased),
    ];
    Event::decode("MemberRegistered", 1, &data, &sections).unwrap()
}

#[tokio::test]
async fn a_profile_tells_where_a_member_lives_if_they_said_so_k23_k30() {
    let tokyo = Prefecture::from_code(13).ok();
    let events = [
        registered_long_ago(1, "hanako"),
        registered(2, "taro"),
        registered_in(3, "jiro", tokyo),
        erased(&registered_in(4, "yuki", tokyo)),
    ];
    let profiles = profiles(&events).await;
    for (number, prefecture) in [(1, None), (2, None), (3, tokyo), (4, tokyo)] {
        let profile = profiles.by_id(member(number)).await.unwrap();
        assert_eq!(profile.prefecture, prefecture, "{profile:?}");
    }
    let long_ago = profiles.by_user_name("hanako").await.unwrap();
    assert_eq!((long_ago.id, long_ago.since), (member(1), at(1)));
}

#[tokio::test]
async fn a_new_nickname_shows_and_the_user_name_stays() {
    let mut events = hanako_and_taro();
    events.push(nickname_changed(1, "はなちゃん"));
    let profile = profiles(&events)
        .await
        .by_user_name("hanako")
        .await
        .unwrap();
    assert_eq!(profile.nickname.as_deref(), Some("はなちゃん"));
}

#[tokio::test]
async fn names_of_many_members_come_with_one_question() {
    let profiles = profiles(&hanako_and_taro()).await;
    let found = profiles
        .by_ids([member(1), member(2), member(9), member(1)])
        .await
        .unwrap();
    assert_eq!(
        found.into_keys().collect::<Vec<_>>(),
        [member(1), member(2)]
    );
}

#[tokio::test]
async fn both_parties_count_a_completed_exchange_once_h23() {
    let mut events = hanako_and_taro();
    events.extend(whole_exchange(1, 1, 2));
    let profiles = profiles(&events).await;
    for number in [1, 2] {
        let profile = profiles.by_id(member(number)).await.unwrap();
        assert_eq!(profile.exchanges_completed, 1);
    }
}

#[tokio::test]
async fn an_aborted_exchange_does_not_count_h24() {
    let mut events = hanako_and_taro();
    events.extend([applied(1, 1, 2), aborted(1, 2)]);
    let profile = profiles(&events).await.by_id(member(1)).await.unwrap();
    assert_eq!(profile.exchanges_completed, 0);
}

#[tokio::test]
async fn thanks_count_for_the_receiver_also_after_the_sender_has_left_h20() {
    let mut events = hanako_and_taro();
    events.extend(whole_exchange(1, 1, 2));
    events.push(left(2));
    let profiles = profiles(&events).await;
    assert_eq!(profiles.by_id(member(1)).await.unwrap().thanks_received, 1);
    assert_eq!(profiles.by_id(member(2)).await.unwrap().thanks_received, 0);
}

#[tokio::test]
async fn a_member_who_has_left_is_marked_and_keeps_the_reputation_h01_h20() {
    let mut events = hanako_and_taro();
    events.extend(whole_exchange(1, 1, 2));
    events.push(left(1));
    let profile = profiles(&events)
        .await
        .by_user_name("hanako")
        .await
        .unwrap();
    assert_eq!(profile.left_at, Some(at(12)));
    assert_eq!(
        (profile.thanks_received, profile.exchanges_completed),
        (1, 1)
    );
}

#[tokio::test]
async fn an_erased_member_has_numbers_and_no_names() {
    let mut events = hanako_and_taro();
    events[0] = erased(&events[0]);
    events.push(erased(&nickname_changed(1, "はな")));
    events.extend(whole_exchange(1, 1, 2));
    let profile = profiles(&events).await.by_id(member(1)).await.unwrap();
    assert_eq!((profile.user_name, profile.nickname), (None, None));
    assert_eq!(profile.thanks_received, 1);
}

async fn thanks(events: &[Event]) -> ThanksQueries {
    ThanksQueries(given::<Thanks>(events).await.reader)
}

#[tokio::test]
async fn thanks_are_listed_for_receiver_and_sender_with_their_words_h18() {
    let events = [
        thanked(1, 2, 1, Some("助かりました")),
        thanked(2, 3, 1, None),
        thanked(3, 1, 2, Some("こちらこそ")),
    ];
    let thanks = thanks(&events).await;
    let received = thanks.received(member(1), &[], None, 10).await.unwrap();
    let words: Vec<_> = received
        .items
        .iter()
        .map(|one| one.words.as_deref())
        .collect();
    assert_eq!(words, [None, Some("助かりました")], "newest first");
    assert!(received.items.iter().all(|one| !one.erased));
    let sent = thanks.sent(member(1), None, 10).await.unwrap();
    assert_eq!(sent.items.len(), 1);
    assert_eq!(
        (sent.items[0].receiver, sent.items[0].exchange),
        (member(2), exchange(3))
    );
    assert_eq!(sent.items[0].at, at(3));
}

#[tokio::test]
async fn thanks_whose_words_are_erased_still_stand_h20() {
    let events = [erased(&thanked(1, 2, 1, Some("助かりました")))];
    let received = thanks(&events)
        .await
        .received(member(1), &[], None, 10)
        .await
        .unwrap();
    assert_eq!(received.items.len(), 1);
    assert!(received.items[0].erased);
    assert_eq!(received.items[0].words, None);
}

#[tokio::test]
async fn thanks_are_read_page_by_page() {
    let events: Vec<_> = (1..=5).map(|number| thanked(number, 2, 1, None)).collect();
    let thanks = thanks(&events).await;
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = thanks.received(member(1), &[], after, 2).await.unwrap();
        seen.extend(page.items.iter().map(|one| one.exchange));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, (1..=5).rev().map(exchange).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_completion_of_members_that_nobody_registered_stops_the_fold() {
    use crate::testing::{self, of};
    use meguri_engine::folding::outcome::Advanced;
    let folder = tempfile::tempdir().unwrap();
    let mut file = testing::new_file(folder.path(), &of::<Profiles>()).await;
    let batch = testing::batch(&testing::decoded(&[
        registered(1, "hanako"),
        completed(1, 1, 2),
    ]));
    let Advanced::Stopped(poison) = file
        .advance(&batch, batch.up_to(), More::Unknown)
        .await
        .unwrap()
    else {
        panic!("it was folded")
    };
    assert_eq!(poison.position.get(), 2);
    assert_eq!(file.position().get(), 1, "what came before it is kept");
}
