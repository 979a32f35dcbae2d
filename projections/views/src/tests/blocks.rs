//! Blocks: neither of two members sees the other, until each has taken theirs back (C12).

use meguri_events::{Event, MemberBlocked, MemberId, MemberUnblocked};

use crate::{
    blocks::{BlockQueries, Blocks},
    board::{Board, BoardQueries, BoardQuery},
    testing::{
        given,
        story::{left, member, need, need_posted, registered, thanked},
    },
    thanks::{Thanks, ThanksQueries},
};

fn blocked(by: u128, blocked: u128) -> Event {
    let (by, blocked) = (member(by), member(blocked));
    MemberBlocked { by, blocked }.into()
}

fn unblocked(by: u128, blocked: u128) -> Event {
    let (by, blocked) = (member(by), member(blocked));
    MemberUnblocked { by, blocked }.into()
}

async fn hidden(events: &[Event], from: u128) -> Vec<MemberId> {
    let blocks = BlockQueries(given::<Blocks>(events).await.reader);
    blocks.hidden_from(member(from)).await.unwrap()
}

#[tokio::test]
async fn who_blocks_and_who_is_blocked_do_not_see_each_other_c12() {
    let events = [blocked(1, 2), blocked(3, 1), blocked(2, 3)];
    assert_eq!(hidden(&events, 1).await, [member(2), member(3)]);
    assert_eq!(hidden(&events, 2).await, [member(1), member(3)]);
    assert_eq!(hidden(&events, 4).await, []);
}

#[tokio::test]
async fn two_who_block_each_other_see_each_other_when_both_have_taken_it_back_c12() {
    let mut events = vec![blocked(1, 2), blocked(2, 1)];
    assert_eq!(hidden(&events, 1).await, [member(2)], "named once");
    events.push(unblocked(1, 2));
    assert_eq!(hidden(&events, 1).await, [member(2)]);
    events.push(unblocked(2, 1));
    assert_eq!(hidden(&events, 1).await, []);
    events.push(blocked(1, 2));
    assert_eq!(hidden(&events, 2).await, [member(1)], "blocked once more");
}

#[tokio::test]
async fn a_member_lists_their_own_blocks_the_newest_first_and_no_others_c12() {
    let events = [blocked(1, 2), blocked(3, 1), blocked(1, 3), blocked(1, 4)];
    let mut events = events.to_vec();
    events.extend([unblocked(1, 3), unblocked(1, 2), blocked(1, 2)]);
    let blocks = BlockQueries(given::<Blocks>(&events).await.reader);
    let first = blocks.blocked_by(member(1), None, 1).await.unwrap();
    let block = &first.items[0];
    assert_eq!((block.blocked, block.since.get()), (member(2), 7));
    let rest = blocks.blocked_by(member(1), first.next, 1).await.unwrap();
    assert_eq!(rest.items[0].blocked, member(4));
    assert_eq!(rest.next, None);
}

#[tokio::test]
async fn who_leaves_stays_hidden_c12() {
    let events = [
        registered(1, "hanako"),
        registered(2, "taro"),
        blocked(1, 2),
        left(2),
    ];
    assert_eq!(hidden(&events, 1).await, [member(2)]);
}

#[tokio::test]
async fn the_board_leaves_out_the_posts_of_who_is_hidden_and_pages_stay_full_c12() {
    let events: Vec<_> = (1..=6)
        .map(|number| need_posted(number, number % 3, "犬の散歩", &["犬"]))
        .collect();
    let board = BoardQueries(given::<Board>(&events).await.reader);
    let query = BoardQuery {
        not_authors: vec![member(0), member(9)],
        limit: 3,
        ..BoardQuery::default()
    };
    let first = board.list(&query).await.unwrap();
    let posts: Vec<_> = first.items.iter().map(|post| post.id).collect();
    assert_eq!(posts, [5, 4, 2].map(|number| need(number).into()));
    let after = first.next;
    let rest = board.list(&BoardQuery { after, ..query }).await.unwrap();
    let posts: Vec<_> = rest.items.iter().map(|post| post.id).collect();
    assert_eq!((posts, rest.next), (vec![need(1).into()], None));
}

#[tokio::test]
async fn thanks_of_who_is_hidden_are_left_out_c12() {
    let events = [thanked(1, 2, 1, None), thanked(2, 3, 1, None)];
    let thanks = ThanksQueries(given::<Thanks>(&events).await.reader);
    let hidden = [member(3)];
    let page = thanks.received(member(1), &hidden, None, 10).await.unwrap();
    let senders: Vec<_> = page.items.iter().map(|thanks| thanks.sender).collect();
    assert_eq!(senders, [member(2)]);
}
