//! Histories of a log that keeps its promises: nothing is found in them.

use super::*;

#[test]
fn three_appends_one_after_the_other_are_as_promised() {
    let mut history = three();
    history.operations[2] = history.operations[2].clone().when("a-1", version(1));
    let verdict = check(&history);
    assert_eq!(verdict.violations, []);
    let Counted {
        events,
        acknowledged,
        conditions,
        ..
    } = verdict.counted;
    assert_eq!((events, acknowledged, conditions), (3, 3, 1));
}

#[test]
fn appends_that_overlap_may_stand_in_either_order() {
    let mut history = three();
    history.operations[0].invoked = Moment(1);
    history.operations[1].invoked = Moment(1);
    assert_eq!(found(&history), []);
    history.timelines[0].events.swap(0, 1);
    let events = &mut history.timelines[0].events;
    (events[0].position, events[1].position) = (Position::new(1), Position::new(2));
    (events[0].at, events[1].at) = (at(1), at(2));
    let (first, second) = (events[0].clone(), events[1].clone());
    history.operations[1] = asks(1, &[(2, "b-1")]).told(25, told(&[first]));
    history.operations[0] = asks(1, &[(1, "a-1")]).told(25, told(&[second]));
    assert_eq!(found(&history), []);
}

#[test]
fn what_nobody_knows_may_stand_or_not() {
    let mut history = three();
    history.operations[0].answered = None;
    history.operations[1] = asks(20, &[(2, "b-1")]).answers(25, Answer::Unknown);
    history.operations.push(asks(26, &[(9, "a-1")]));
    let verdict = check(&history);
    assert_eq!(verdict.violations, []);
    let unknown = (
        verdict.counted.unknown_standing,
        verdict.counted.unknown_absent,
    );
    assert_eq!(unknown, (2, 1));
}

#[test]
fn a_conflict_with_a_state_during_the_call_is_just() {
    let mut history = three();
    // From 12 to 33: `a-1` had version 0 or 1 at its beginning, and 2 may be there at its end.
    for found in [0, 1, 2] {
        let refused = asks(12, &[(9, "a-1")]).conflicts(33, "a-1", version(7), found);
        history.operations.push(refused);
    }
    assert_eq!(found(&history), []);
}

#[test]
fn a_request_that_is_repeated_under_its_key_is_told_the_same() {
    let mut history = three();
    let first = history.timelines[0].events[0].clone();
    history.operations[0] = asks(10, &[(1, "a-1")])
        .under(key(1, 1))
        .answers(15, Answer::Unknown);
    let again = |number| asks(40, &[(number, "a-1")]).under(key(1, 1));
    // With the ids of the first, and with others.
    history
        .operations
        .push(again(1).told(45, repeated(std::slice::from_ref(&first))));
    history
        .operations
        .push(again(8).told(45, repeated(&[first])));
    let other = asks(50, &[(9, "a-1")]).under(key(1, 2));
    let refused = Answer::Refused(Refusal::KeyReused);
    history.operations.push(other.answers(55, refused));
    assert_eq!(found(&history), []);
    assert_eq!(check(&history).counted.repeated, 2);
}

#[test]
fn an_answer_that_came_after_several_tries_settles_them() {
    let mut history = three();
    let tries = [
        asks(10, &[(1, "a-1")]).answers(11, Answer::Failed("down".into())),
        asks(11, &[(1, "a-1")]).answers(12, Answer::Unknown),
    ];
    history.operations.extend(tries);
    assert_eq!(found(&history), []);
    assert_eq!(check(&history).counted.unknown_standing, 0);
}

#[test]
fn a_key_that_has_expired_may_be_used_again() {
    let mut history = three();
    let month = i64::from(30 * 86_400);
    history.timelines[0].events[2].at = at(1).plus_seconds(month);
    let events = history.timelines[0].events.clone();
    history.operations[0] = history.operations[0].clone().under(key(1, 1));
    let again = asks(30, &[(3, "a-1")]).under(key(1, 2));
    history.operations[2] = again.told(35, told(&events[2..]));
    assert_ne!(found(&history), [], "the clock is said to have stood");
    history.keys_expire = true;
    assert_eq!(found(&history), []);
    history.timelines[0].events[2].at = at(0).plus_seconds(month);
    let early = told(&history.timelines[0].events[2..]);
    history.operations[2] = asks(30, &[(3, "a-1")]).under(key(1, 2)).told(35, early);
    assert_ne!(found(&history), [], "a moment before it expires");
}

#[test]
fn what_had_been_done_before_is_remembered_under_a_key() {
    let mut history = three();
    let first = history.timelines[0].events[..1].to_vec();
    let nothing = || asks(40, &[]).under(key(1, 1));
    history.operations.push(nothing().told(45, told(&first)));
    history
        .operations
        .push(nothing().told(46, repeated(&first)));
    assert_eq!(found(&history), []);
}

#[test]
fn followers_readers_and_roots_that_agree_are_as_promised() {
    let mut history = three();
    let events = &history.timelines[0].events;
    let saw = events.iter().map(|event| (event.position, event.id));
    history.followers.push(Followed {
        after: Position::new(1),
        saw: saw.skip(1).collect(),
        must_reach: Some(Position::new(3)),
    });
    for (invoked, stream_name, found) in [(16, None, 1), (16, None, 2), (26, Some("a-1"), 1)] {
        history.readings.push(Reading {
            invoked: Moment(invoked),
            answered: Moment(invoked + 10),
            stream: stream_name.map(stream),
            found,
        });
    }
    for by in ["the log", "a view"] {
        let (root, by) = ([1; 32], by.to_owned());
        history.roots.push(RootTold { size: 3, root, by });
    }
    let verdict = check(&history);
    assert_eq!(verdict.violations, []);
    let Counted {
        followed,
        readings,
        roots,
        ..
    } = verdict.counted;
    assert_eq!((followed, readings, roots), (2, 3, 2));
}

/// The third event was acknowledged, and then the database fell back to the second.
fn fallen_back() -> History {
    let mut history = three();
    let mut event = stored(3, "b-1", 2);
    event.id = id(9);
    let asked = asks(50, &[(9, "b-1")]).told(55, told(std::slice::from_ref(&event)));
    history.operations.push(asked);
    history.timelines.push(Timeline {
        begun: Moment(40),
        kept: Position::new(2),
        events: vec![event],
    });
    history
}

#[test]
fn a_database_that_falls_back_begins_another_timeline() {
    let mut history = fallen_back();
    history.followers.push(Followed {
        saw: vec![
            (Position::new(1), id(1)),
            (Position::new(2), id(2)),
            (Position::new(3), id(9)),
        ],
        ..Followed::default()
    });
    assert_eq!(found(&history), []);
}

#[test]
fn an_answer_from_before_a_fall_back_says_nothing_of_the_log_after_it() {
    let mut history = fallen_back();
    // Both saw the version that was lost, and were answered after it was.
    let refused = asks(38, &[(7, "b-1")]).conflicts(45, "a-1", Expected::NoStream, 2);
    history.operations.push(refused);
    history.readings.push(Reading {
        invoked: Moment(38),
        answered: Moment(46),
        stream: Some(stream("a-1")),
        found: 2,
    });
    // The stream comes to that version again, much later.
    let late = stored(4, "a-1", 2);
    let asked = asks(70, &[(4, "a-1")]).told(75, told(std::slice::from_ref(&late)));
    history.operations.push(asked);
    history.timelines[1].events.push(late);
    let before = asks(60, &[(6, "b-1")]).conflicts(65, "a-1", Expected::NoStream, 1);
    history.operations.push(before);
    assert_eq!(found(&history), []);
}

#[test]
fn what_was_remembered_alone_may_be_lost_though_the_event_that_it_names_is_not() {
    let mut history = fallen_back();
    let first = history.timelines[0].events[..1].to_vec();
    let nothing = |asked, answered| {
        let nothing = asks(asked, &[]).under(key(1, 1));
        nothing.told(answered, told(&first))
    };
    history.operations.push(nothing(36, 38));
    let again = asks(60, &[(8, "a-1")]).under(key(1, 1));
    let again = again.conflicts(65, "a-1", Expected::NoStream, 1);
    history.operations.push(again);
    assert_eq!(found(&history), []);
    history.operations[4] = nothing(12, 13);
    let (first, operation) = (4, 5);
    let forgotten = Violation::KeyForgotten { first, operation };
    assert_eq!(found(&history), [forgotten], "it came before what is kept");
}

#[test]
fn what_fell_back_is_lost_only_to_those_who_were_told_before() {
    let mut history = fallen_back();
    let lost = history.timelines[0].events[2].clone();
    history.operations[2] = asks(42, &[(3, "a-1")]).told(45, told(&[lost]));
    let position = Position::new(3);
    let expected = Violation::Lost {
        operation: 2,
        position,
    };
    assert_eq!(found(&history), [expected]);
}
