//! Histories of a log that breaks a promise: exactly that is found.

use super::*;

#[test]
fn a_hole_in_the_positions_is_found() {
    let mut history = three();
    history.timelines[0].events.remove(1);
    history.operations.remove(1);
    let [expected, missed] = [2, 3].map(Position::new);
    let hole = Violation::Hole {
        expected,
        found: missed,
    };
    assert!(found(&history).contains(&hole));
}

#[test]
fn a_version_that_is_taken_twice_is_found() {
    let mut history = three();
    history.timelines[0].events[2].version = Version::new(1);
    let events = history.timelines[0].events.clone();
    history.operations[2] = asks(30, &[(3, "a-1")]).told(35, told(&events[2..]));
    let [found_version, last] = [1, 1].map(Version::new);
    let expected = Violation::VersionOutOfTurn {
        position: Position::new(3),
        stream: stream("a-1"),
        last,
        found: found_version,
    };
    assert_eq!(found(&history), [expected]);
}

#[test]
fn time_that_goes_back_is_found() {
    let mut history = three();
    history.timelines[0].events[1].at = at(0);
    let events = history.timelines[0].events.clone();
    history.operations[1] = asks(20, &[(2, "b-1")]).told(25, told(&events[1..2]));
    let position = Position::new(2);
    assert_eq!(found(&history), [Violation::TimeGoesBack { position }]);
}

#[test]
fn an_event_that_nobody_asked_for_is_found() {
    let mut history = three();
    history.operations.remove(1);
    let (position, id) = (Position::new(2), id(2));
    assert_eq!(found(&history), [Violation::NobodyAsked { position, id }]);
}

#[test]
fn an_acknowledgement_that_is_lost_is_found() {
    let mut history = three();
    history.timelines[0].events.pop();
    let (operation, position) = (2, Position::new(3));
    let lost = Violation::Lost {
        operation,
        position,
    };
    assert_eq!(found(&history), [lost]);
}

#[test]
fn an_acknowledgement_of_another_place_or_time_is_found() {
    for (version, time) in [(1, 3), (2, 2)] {
        let mut history = three();
        let mut wrong = history.timelines[0].events[2].clone();
        (wrong.version, wrong.at) = (Version::new(version), at(time));
        history.operations[2] = asks(30, &[(3, "a-1")]).told(35, told(&[wrong]));
        let (operation, position) = (2, Position::new(3));
        let lost = Violation::Lost {
            operation,
            position,
        };
        assert_eq!(found(&history), [lost]);
    }
}

#[test]
fn an_acknowledgement_with_the_events_of_another_is_found() {
    let mut history = three();
    let events = history.timelines[0].events.clone();
    history.operations[2] = asks(30, &[(3, "a-1")]).told(35, told(&events[..1]));
    assert_eq!(
        found(&history),
        [
            Violation::AnswerOfAnother { operation: 2 },
            Violation::FailedAndStands {
                operation: 2,
                position: Position::new(3)
            }
        ]
    );
}

#[test]
fn a_request_that_stands_twice_is_found_though_nobody_knows_of_it() {
    let mut history = three();
    history.operations[1].answered = None;
    let mut again = stored(4, "b-1", 2);
    again.id = id(2);
    history.timelines[0].events.push(again);
    let [first, again] = [2, 4].map(Position::new);
    let expected = Violation::Doubled {
        operation: 1,
        first,
        again,
    };
    assert_eq!(found(&history), [expected]);
}

#[test]
fn a_request_with_others_between_or_with_a_part_missing_is_found() {
    let mut history = three();
    history.operations.remove(2);
    history.operations[0] = asks(10, &[(1, "a-1"), (3, "a-1")]);
    let torn = |position| Violation::Torn {
        operation: 0,
        position: Position::new(position),
    };
    assert_eq!(found(&history), [torn(1), torn(3)]);
    history.timelines[0].events.pop();
    assert_eq!(found(&history), [torn(1)]);
}

#[test]
fn an_event_in_another_stream_than_asked_for_is_found() {
    let mut history = three();
    history.operations[1] = asks(20, &[(2, "c-1")]);
    let (operation, position) = (1, Position::new(2));
    let torn = Violation::Torn {
        operation,
        position,
    };
    assert_eq!(found(&history), [torn]);
}

#[test]
fn a_condition_that_was_false_at_its_position_is_found() {
    for (expected, name, found_version) in [
        (version(2), "a-1", 1),
        (Expected::NoStream, "b-1", 1),
        (Expected::Exists, "c-1", 0),
    ] {
        let mut history = three();
        history.operations[2] = history.operations[2].clone().when(name, expected);
        let expected = Violation::ConditionFalse {
            operation: 2,
            position: Position::new(3),
            stream: stream(name),
            expected,
            found: Version::new(found_version),
        };
        assert_eq!(found(&history), std::slice::from_ref(&expected));
        history.operations[2].answered = None;
        assert_eq!(found(&history), [expected], "also where nobody knows");
    }
}

#[test]
fn what_failed_for_certain_and_stands_is_found() {
    let refusals = [
        asks(20, &[(2, "b-1")]).answers(25, Answer::Failed("busy".into())),
        asks(20, &[(2, "b-1")]).conflicts(25, "a-1", version(0), 1),
    ];
    for refused in refusals {
        let mut history = three();
        history.operations[1] = refused;
        let (operation, position) = (1, Position::new(2));
        let expected = Violation::FailedAndStands {
            operation,
            position,
        };
        assert_eq!(found(&history), [expected]);
    }
}

#[test]
fn what_was_acknowledged_before_stands_before() {
    let mut history = three();
    history.operations[0].invoked = Moment(26);
    let answer = told(&history.timelines[0].events[..1]);
    history.operations[0] = asks(26, &[(1, "a-1")]).told(28, answer);
    let [position, shown] = [1, 2].map(Position::new);
    let expected = Violation::RealTime {
        operation: 0,
        position,
        shown,
    };
    assert_eq!(found(&history), std::slice::from_ref(&expected));
    history.operations[0].answered = None;
    assert_eq!(found(&history), [expected], "also where nobody knows");
}

#[test]
fn what_somebody_has_read_before_stands_before() {
    let mut history = three();
    for operation in &mut history.operations {
        operation.answered = None;
    }
    history.operations[0].invoked = Moment(10);
    history.operations[2].invoked = Moment(10);
    history.operations[1].invoked = Moment(30);
    history.readings.push(Reading {
        invoked: Moment(11),
        answered: Moment(12),
        stream: Some(stream("a-1")),
        found: 2,
    });
    let [position, shown] = [2, 3].map(Position::new);
    let early = Violation::RealTime {
        operation: 1,
        position,
        shown,
    };
    assert!(found(&history).contains(&early));
}

#[test]
fn a_conflict_with_a_state_of_another_time_is_found() {
    // Before the call the stream had version 1 already; 2 is not there before it ends.
    for found_version in [0, 2, 3] {
        let mut history = three();
        let refused = asks(16, &[(9, "a-1")]).conflicts(29, "a-1", version(7), found_version);
        history.operations.push(refused);
        let expected = Violation::UnjustifiedConflict {
            operation: 3,
            stream: stream("a-1"),
            expected: version(7),
            found: Version::new(found_version),
        };
        assert!(found(&history).contains(&expected), "{found_version}");
    }
}

#[test]
fn a_conflict_with_a_condition_that_holds_or_that_nobody_set_is_found() {
    let mut history = three();
    let refused = asks(36, &[(9, "a-1")]).conflicts(39, "a-1", version(2), 2);
    history.operations.push(refused);
    let expected = Violation::UnjustifiedConflict {
        operation: 3,
        stream: stream("a-1"),
        expected: version(2),
        found: Version::new(2),
    };
    assert_eq!(found(&history), [expected]);
    history.operations[3] = asks(36, &[(9, "a-1")]).conflicts(39, "a-1", version(7), 2);
    assert_eq!(found(&history), []);
    history.operations[3].asked.conditions.clear();
    assert_ne!(found(&history), []);
}

#[test]
fn a_key_with_two_outcomes_is_found() {
    // Appended twice, by one request with new ids or by two requests, known or not.
    for (digest, known) in [(1, true), (1, false), (2, true), (2, false)] {
        let mut history = three();
        history.operations[0] = history.operations[0].clone().under(key(1, 1));
        history.operations[2] = history.operations[2].clone().under(key(1, digest));
        if !known {
            history.operations[0].answered = None;
            history.operations[2].answered = None;
        }
        let [first, second] = [0, 2];
        let expected = Violation::KeyWithTwoOutcomes { first, second };
        assert_eq!(found(&history), [expected]);
    }
}

#[test]
fn a_repeat_that_is_told_something_else_is_found() {
    let mut history = three();
    history.operations[0] = history.operations[0].clone().under(key(1, 1));
    let events = history.timelines[0].events.clone();
    let again = asks(40, &[(9, "a-1")]).under(key(1, 1));
    history
        .operations
        .push(again.told(45, repeated(&events[1..2])));
    let [first, second] = [0, 3];
    let expected = Violation::KeyWithTwoOutcomes { first, second };
    assert_eq!(found(&history), [expected]);
}

#[test]
fn another_request_that_is_answered_as_if_it_were_the_first_is_found() {
    let mut history = three();
    history.operations[0] = history.operations[0].clone().under(key(1, 1));
    let events = history.timelines[0].events.clone();
    let other = asks(40, &[(9, "a-1")]).under(key(1, 2));
    history
        .operations
        .push(other.told(45, repeated(&events[..1])));
    let [first, second] = [0, 3];
    assert_eq!(
        found(&history),
        [
            Violation::RepeatsNothing { operation: 3 },
            Violation::KeyOfAnother { first, second }
        ]
    );
}

#[test]
fn a_repeat_of_what_nobody_asked_is_found() {
    let mut history = three();
    let events = history.timelines[0].events.clone();
    let asked = asks(40, &[(9, "a-1")]).under(key(1, 1));
    history
        .operations
        .push(asked.told(45, repeated(&events[..1])));
    assert_eq!(
        found(&history),
        [Violation::RepeatsNothing { operation: 3 }]
    );
}

#[test]
fn a_refusal_for_a_key_that_no_other_has_used_is_found() {
    let answer = || Answer::Refused(Refusal::KeyReused);
    for (of_first, asked_at) in [(key(2, 1), 40), (key(1, 2), 40), (key(1, 1), 1)] {
        let mut history = three();
        history.operations[0] = history.operations[0].clone().under(of_first);
        let refused = asks(asked_at, &[(9, "a-1")]).under(key(1, 2));
        history
            .operations
            .push(refused.answers(asked_at + 5, answer()));
        assert_eq!(
            found(&history),
            [Violation::UnjustifiedKey { operation: 3 }]
        );
    }
}

#[test]
fn a_request_that_is_decided_anew_though_its_key_was_answered_is_found() {
    for digest in [1, 2] {
        let mut history = three();
        history.operations[0] = history.operations[0].clone().under(key(1, 1));
        let again = asks(40, &[(9, "a-1")]).under(key(1, digest));
        history
            .operations
            .push(again.conflicts(45, "a-1", version(7), 2));
        let (first, operation) = (0, 3);
        let expected = Violation::KeyForgotten { first, operation };
        assert_eq!(found(&history), [expected]);
    }
}

#[test]
fn a_reading_of_another_time_is_found() {
    for (stream_name, found_there) in [(None, 0), (None, 3), (Some("b-1"), 2), (Some("a-1"), 0)] {
        let mut history = three();
        history.readings.push(Reading {
            invoked: Moment(16),
            answered: Moment(26),
            stream: stream_name.map(stream),
            found: found_there,
        });
        let expected = Violation::UnjustifiedReading {
            reading: 0,
            found: found_there,
        };
        assert!(found(&history).contains(&expected), "{stream_name:?}");
    }
}

#[test]
fn readings_that_go_back_are_found() {
    let mut history = three();
    for operation in &mut history.operations {
        operation.answered = None;
    }
    for (moment, found) in [(40, 3), (50, 2)] {
        history.readings.push(Reading {
            invoked: Moment(moment),
            answered: Moment(moment + 5),
            stream: None,
            found,
        });
    }
    let (reading, seen) = (1, 2);
    let expected = Violation::UnjustifiedReading {
        reading,
        found: seen,
    };
    assert_eq!(found(&history), [expected]);
}

#[test]
fn a_follower_that_misses_repeats_swaps_or_changes_something_is_found() {
    let saw = |list: &[(u64, u64)]| {
        let saw = list.iter().map(|(at, it)| (Position::new(*at), id(*it)));
        let mut history = three();
        history.followers.push(Followed {
            saw: saw.collect(),
            must_reach: Some(Position::new(3)),
            ..Followed::default()
        });
        found(&history)
    };
    let follower = 0;
    let out_of_turn = |expected, found| {
        let [expected, found] = [expected, found].map(Position::new);
        vec![Violation::FollowerOutOfTurn {
            follower,
            expected,
            found,
        }]
    };
    assert_eq!(saw(&[(1, 1), (2, 2), (3, 3)]), []);
    assert_eq!(saw(&[(1, 1), (3, 3)]), out_of_turn(2, 3));
    assert_eq!(saw(&[(1, 1), (2, 2), (2, 2), (3, 3)]), out_of_turn(3, 2));
    assert_eq!(saw(&[(2, 2), (1, 1), (3, 3)]), out_of_turn(1, 2));
    let position = Position::new(2);
    let misled = Violation::FollowerMisled { follower, position };
    assert_eq!(saw(&[(1, 1), (2, 9), (3, 3)]), [misled]);
    let [reached, end] = [1, 3].map(Position::new);
    let behind = Violation::FollowerBehind {
        follower,
        reached,
        end,
    };
    assert_eq!(saw(&[(1, 1)]), [behind]);
    let position = Position::new(4);
    let beyond = Violation::FollowerMisled { follower, position };
    assert_eq!(saw(&[(1, 1), (2, 2), (3, 3), (4, 4)]), [beyond]);
}

#[test]
fn a_follower_that_goes_on_behind_what_was_lost_is_found() {
    let mut history = three();
    // The third event is lost, and two others come in its place.
    let mut events = vec![stored(3, "b-1", 2), stored(4, "b-1", 3)];
    for (event, number) in events.iter_mut().zip([8, 9]) {
        event.id = id(number);
    }
    let asked = asks(50, &[(8, "b-1"), (9, "b-1")]);
    history.operations.push(asked.told(55, told(&events)));
    history.timelines.push(Timeline {
        begun: Moment(40),
        kept: Position::new(2),
        events,
    });
    let mut saw = |list: &[(u64, u64)]| {
        let saw = list.iter().map(|(at, it)| (Position::new(*at), id(*it)));
        history.followers = vec![Followed {
            after: Position::new(1),
            saw: saw.collect(),
            ..Followed::default()
        }];
        found(&history)
    };
    assert_eq!(
        saw(&[(2, 2), (3, 3)]),
        [],
        "then it heard that this is lost"
    );
    assert_eq!(saw(&[(2, 2), (3, 8), (4, 9)]), []);
    let position = Position::new(4);
    let misled = Violation::FollowerMisled {
        follower: 0,
        position,
    };
    assert_eq!(saw(&[(2, 2), (3, 3), (4, 9)]), [misled]);
}

#[test]
fn two_roots_of_one_size_are_found() {
    let mut history = three();
    for (by, root) in [("the log", 1), ("a view", 1), ("a witness", 2)] {
        let (root, by) = ([root; 32], by.to_owned());
        history.roots.push(RootTold { size: 2, root, by });
    }
    let (one, other) = ("the log".to_owned(), "a witness".to_owned());
    let size = 2;
    assert_eq!(found(&history), [Violation::TwoRoots { size, one, other }]);
}

#[test]
fn a_recorder_that_gives_one_id_to_two_requests_is_found() {
    let mut history = three();
    history.operations.push(asks(40, &[(1, "b-1")]));
    let expected = Violation::IdAskedTwice {
        operation: 3,
        id: id(1),
    };
    assert!(found(&history).contains(&expected));
}

#[test]
fn a_timeline_that_keeps_more_than_there_was_is_found() {
    let mut history = three();
    history.timelines.push(Timeline {
        begun: Moment(40),
        kept: Position::new(4),
        events: Vec::new(),
    });
    let (timeline, kept) = (1, Position::new(4));
    assert_eq!(found(&history), [Violation::KeptTooMuch { timeline, kept }]);
}
