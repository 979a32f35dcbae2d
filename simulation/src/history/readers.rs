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

/// What a follower was given stands in one timeline, and is all of it from where it began: it never
/// goes on behind events that are lost.
fn follower(index: usize, it: &Followed, lines: &[Line<'_>]) -> Option<Violation> {
    let mut reached = it.after;
    for (position, _) in &it.saw {
        let expected = reached.next();
        if *position != expected {
            let found = *position;
            return Some(Violation::FollowerOutOfTurn {
                follower: index,
                expected,
                found,
            });
        }
        reached = *position;
    }
    let stand_in = |line: &Line<'_>| {
        let stands = |(position, id): &&(Position, _)| {
            let event = line.event(position.get());
            event.is_some_and(|event| event.id == *id)
        };
        it.saw.iter().take_while(stands).count()
    };
    let stand = lines.iter().map(stand_in).max().unwrap_or_default();
    if let Some((position, _)) = it.saw.get(stand) {
        let position = *position;
        return Some(Violation::FollowerMisled {
            follower: index,
            position,
        });
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
