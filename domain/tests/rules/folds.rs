//! A fold that makes something else of the same events says so by its number, so that no snapshot
//! of an older one is ever read.

use std::fmt::Write as _;
use std::path::Path;

use meguri_domain::{Blocking, Claim, Compacted, Exchange, Member, Post, Vocabulary};
use meguri_events::Event;
use proptest::prelude::*;

use crate::histories::Told;

/// Every state of every history, as a text.
fn states<A: Told>() -> String
where
    A::Event: Clone + std::fmt::Debug,
{
    let mut text = String::new();
    for history in A::histories() {
        let mut state: Option<A> = None;
        for event in history {
            state = A::evolve(state, &event);
            let counts = A::counts(&event);
            let event: Event = event.into();
            writeln!(text, "{} ({counts:?})\n{state:?}", event.type_name()).unwrap();
        }
    }
    text
}

/// `UPDATE_FOLDS=1` writes what is missing; it never changes what is there.
fn assert_is_declared<A: Told>(name: &str)
where
    A::Event: Clone + std::fmt::Debug,
{
    let file = format!("tests/folds/{name}.v{}.txt", A::FOLD);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(&file);
    let now = states::<A>();
    if std::env::var_os("UPDATE_FOLDS").is_some() && !path.exists() {
        std::fs::write(&path, &now).unwrap();
    }
    let declared = std::fs::read_to_string(&path).unwrap_or_default();
    let first = now
        .lines()
        .zip(declared.lines())
        .find(|(now, then)| now != then);
    assert!(
        now == declared,
        "the same events lead to other states of {name} than {file} says, first in {first:?}: \
         count `{name}::FOLD` up, or snapshots of the older fold are read as those of this one; \
         UPDATE_FOLDS=1 then writes its file. Where the histories alone have changed, write it \
         anew."
    );
}

#[test]
fn a_fold_that_leads_to_other_states_has_another_number() {
    assert_is_declared::<Blocking>("Blocking");
    assert_is_declared::<Claim>("Claim");
    assert_is_declared::<Exchange>("Exchange");
    assert_is_declared::<Member>("Member");
    assert_is_declared::<Post>("Post");
    assert_is_declared::<Vocabulary>("Vocabulary");
}

/// Whatever happens in whatever order, what counts adds up to the same state as everything, whose
/// words are those of the same event.
fn what_counts_adds_up<A: Told>(picked: &[usize])
where
    A::Event: Clone + std::fmt::Debug,
{
    let told: Vec<_> = A::histories().concat();
    let events: Vec<_> = picked.iter().map(|at| &told[at % told.len()]).collect();
    let mut compacted = Compacted::default();
    for (place, event) in events.iter().enumerate() {
        compacted.push(A::counts(event), place);
        let kept = compacted.places().map(|place| events[place]);
        let all = A::replay(events[..=place].iter().copied());
        assert_eq!(A::replay(kept), all, "{:?}", &events[..=place]);
    }
}

proptest! {
    #[test]
    fn the_events_that_count_add_up_to_the_same_state(
        picked in proptest::collection::vec(any::<usize>(), 0..60)
    ) {
        what_counts_adds_up::<Blocking>(&picked);
        what_counts_adds_up::<Claim>(&picked);
        what_counts_adds_up::<Exchange>(&picked);
        what_counts_adds_up::<Member>(&picked);
        what_counts_adds_up::<Post>(&picked);
        what_counts_adds_up::<Vocabulary>(&picked);
    }
}
