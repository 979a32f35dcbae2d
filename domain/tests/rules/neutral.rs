//! Which events leave every state as it is: where one of them is redacted, its stream goes on.

use std::collections::BTreeSet;

use meguri_domain::{Aggregate, Exchange, FollowUpPeriods, Member, Nickname, Post};
use meguri_events::{
    Event, ExchangeEvent, KeyClass, KeyRange, MemberEvent, NicknameChanged, Sealed,
};

use crate::scene::{
    ASKED, NOW, OFFER, OPENER, acting, agreed, applied_for_nothing, completed, days_later,
    in_progress, member, message, posted, reason, registered, reported_by, requested, terms, then,
    words,
};

/// The types of events in these histories, and those of them that changed a state.
fn types<A>(histories: Vec<Vec<A::Event>>) -> [BTreeSet<&'static str>; 2]
where
    A: Aggregate + PartialEq,
    A::Event: Clone,
{
    let [mut seen, mut changing] = [BTreeSet::new(), BTreeSet::new()];
    for history in histories {
        let mut state: Option<A> = None;
        for event in history {
            let after = A::evolve(state.clone(), &event);
            let whole: Event = event.into();
            seen.insert(whole.type_name());
            if after != state {
                changing.insert(whole.type_name());
            }
            state = after;
        }
    }
    [seen, changing]
}

fn neutral<A>(histories: Vec<Vec<A::Event>>, all: &[&'static str])
where
    A: Aggregate + PartialEq,
    A::Event: Clone,
{
    let [seen, changing] = types::<A>(histories);
    assert_eq!(seen, all.iter().copied().collect(), "each happens");
    let neutral: Vec<&str> = seen.difference(&changing).copied().collect();
    assert_eq!(neutral, A::NEUTRAL);
}

/// A history, and what the exchange answers to this.
fn next(
    history: Vec<ExchangeEvent>,
    command: impl FnOnce(&Exchange) -> Vec<ExchangeEvent>,
) -> Vec<ExchangeEvent> {
    let events = command(&Exchange::replay(&history).unwrap());
    then(history, events)
}

#[test]
fn of_an_exchange_a_message_alone_leaves_the_state_as_it_is() {
    let (asked, opener) = (acting(ASKED), acting(OPENER));
    let talked = next(requested(), |it| {
        it.post_message(asked, message("はい"), true, None).unwrap()
    });
    let proposed = next(talked.clone(), |it| {
        let terms = terms(meguri_events::Mode::Online, Some("お菓子"));
        it.propose_terms(asked, terms).unwrap()
    });
    let agreed_to = then(proposed, [agreed(OPENER, 1)]);
    let thanked = next(completed(), |it| {
        it.send_thanks(opener, Some(words("どうも")), NOW).unwrap()
    });
    let evaluated = next(thanked, |it| {
        it.write_evaluation(asked, words("丁寧"), NOW).unwrap()
    });
    let retracted = next(evaluated, |it| it.retract_evaluation(asked).unwrap());
    let reminded = next(reported_by(ASKED), |it| {
        it.remind_completion(days_later(8), FollowUpPeriods::default())
    });
    let histories = vec![
        next(talked, |it| it.cancel(asked, None).unwrap()),
        agreed_to,
        applied_for_nothing(),
        retracted,
        reminded,
        next(in_progress(), |it| it.abort(asked, reason()).unwrap()),
    ];
    neutral::<Exchange>(histories, ExchangeEvent::TYPES);
}

#[test]
fn of_a_member_and_of_a_post_nothing_leaves_the_state_as_it_is() {
    let renamed = NicknameChanged {
        member: ASKED,
        nickname: Sealed::Known(Nickname::parse("はな").unwrap().into()),
    };
    let class = KeyClass::Profile;
    let erased = member(ASKED).erase([KeyRange { class, last: 1 }], vec![], None);
    let left = then(registered(ASKED), [renamed.into()]);
    let left = then(left, member(ASKED).leave());
    let erased = then(left, erased);
    let destroyed = Member::replay(&erased).unwrap().keys_destroyed();
    neutral::<Member>(vec![then(erased, destroyed)], MemberEvent::TYPES);

    let author = acting(ASKED);
    let closed = then(
        posted(OFFER),
        Post::replay(&posted(OFFER)).unwrap().close(author).unwrap(),
    );
    let reopened = Post::replay(&closed).unwrap().reopen(author).unwrap();
    let all = ["OfferClosed", "OfferPosted", "OfferReopened"];
    neutral::<Post>(vec![then(closed, reopened)], &all);
}

#[test]
fn whose_registration_was_redacted_is_still_a_member() {
    let stream = ASKED.stream();
    let untold = Member::after_redacted(None, "MemberRegistered", &stream).unwrap();
    assert_eq!((untold.id(), untold.has_left()), (ASKED, false));
    assert_eq!(untold.mail(), &Sealed::Erased);
    let same = Member::after_redacted(Some(member(ASKED)), "NicknameChanged", &stream);
    assert_eq!(same, Some(member(ASKED)));
}
