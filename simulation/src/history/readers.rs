//! Whether those who read and follow the log saw what it holds, and those who tell its root agree.

use std::collections::HashMap;

use meguri_log::{Position, Version};

use super::{Followed, History, RootTold, Violation, timeline::Line};

pub(super) fn check(history: &History, lines: &[Line<'_>], violations: &mut Vec<Violation>) {
    for (index, reading) in history.readings.iter().enumerate() {
        let overlaps =
            |line: &&Line<'_>| reading.answered >= line.begun && reading.invoked <= line.ended;
        let justified = lines.iter().filter(overlaps).any(|line| {
            let states = line.states(reading.invoked, reading.answered);
            match &reading.stream {
                None => (states.first..=states.last).contains(&reading.found),
                Some(stream) => line.had(stream, Version::new(reading.found), states),
            }
        });
        if !justified {
            let (reading, found) = (index, reading.found);
            violations.push(Violation::UnjustifiedReading { reading, found });
        }
    }
    for (index, followed) in history.followers.iter().enumerate() {
        violations.extend(follower(index, followed, lines));
    }
    roots(&history.roots, violations);
}

/// A follower may go on from one timeline to a later one, never back.
fn follower(index: usize, it: &Followed, lines: &[Line<'_>]) -> Option<Violation> {
    let (mut reached, mut lines) = (it.after, lines.iter().peekable());
    for (position, id) in &it.saw {
        let expected = reached.next();
        if *position != expected {
            let found = *position;
            return Some(Violation::FollowerOutOfTurn {
                follower: index,
                expected,
                found,
            });
        }
        let stands = |line: &&&Line<'_>| {
            let event = line.event(position.get());
            event.is_some_and(|event| event.id == *id)
        };
        while lines.peek().is_some_and(|line| !stands(&line)) {
            lines.next();
        }
        if lines.peek().is_none() {
            let position = *position;
            return Some(Violation::FollowerMisled {
                follower: index,
                position,
            });
        }
        reached = *position;
    }
    let end = it.must_reach.unwrap_or(Position::ZERO);
    (reached < end).then_some(Violation::FollowerBehind {
        follower: index,
        reached,
        end,
    })
}

fn roots(roots: &[RootTold], violations: &mut Vec<Violation>) {
    let mut first: HashMap<u64, &RootTold> = HashMap::new();
    for root in roots {
        let one = first.entry(root.size).or_insert(root);
        if one.root != root.root {
            violations.push(Violation::TwoRoots {
                size: root.size,
                one: one.by.clone(),
                other: root.by.clone(),
            });
        }
    }
}
