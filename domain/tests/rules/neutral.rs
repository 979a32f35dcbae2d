//! Which events leave every state as it is: where one of them is redacted, its stream goes on.

use std::collections::BTreeSet;

use meguri_domain::{Aggregate, Blocking, Claim, Counts, Exchange, Member, Post, Vocabulary};
use meguri_events::{Event, Sealed};

use crate::histories::Told;
use crate::scene::{ASKED, member};

fn neutral<A: Told>()
where
    A::Event: Clone + std::fmt::Debug,
{
    let [mut seen, mut changing, mut counting] = [(); 3].map(|()| BTreeSet::new());
    for history in A::histories() {
        let mut state: Option<A> = None;
        for event in history {
            let after = A::evolve(state.clone(), &event);
            let counts = A::counts(&event) != Counts::Never;
            let whole: Event = event.into();
            seen.insert(whole.type_name());
            if after != state {
                changing.insert(whole.type_name());
            }
            if counts {
                counting.insert(whole.type_name());
            }
            state = after;
        }
    }
    assert_eq!(seen, A::TYPES.iter().copied().collect(), "each happens");
    let neutral: Vec<&str> = seen.difference(&changing).copied().collect();
    assert_eq!(neutral, A::NEUTRAL);
    assert_eq!(counting, changing, "what changes a state counts for it");
}

#[test]
fn of_an_exchange_a_message_alone_leaves_the_state_as_it_is() {
    assert_eq!(Exchange::NEUTRAL, ["MessagePosted"]);
    neutral::<Exchange>();
}

#[test]
fn of_everything_else_nothing_leaves_the_state_as_it_is() {
    neutral::<Member>();
    neutral::<Post>();
    neutral::<Claim>();
    neutral::<Vocabulary>();
    neutral::<Blocking>();
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
