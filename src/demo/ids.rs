//! Ids that follow from seed, story and step, so that the same seed gives the same ones again.

use std::sync::{Mutex, PoisonError};

use meguri_commands::{CommandError, Ids};
use meguri_events::MemberId;
use meguri_log::{ReadError, StreamName};
use uuid::Uuid;

use super::calendar::Moment;
use super::community::Community;
use super::dice::{Dice, Kind};

/// Where the times in ids count from: 2026-01-01T00:00:00Z, whenever the demo is run, for the ids
/// of a seed are the same on every day.
const EPOCH_MILLIS: u64 = 1_767_225_600_000;
/// More steps than any story has.
const STEPS_MAX: u64 = 1_024;

/// The ids of one step: first that of what it makes, then those of its events.
#[derive(Debug)]
pub(super) struct StepIds {
    dice: Mutex<Dice>,
    millis: u64,
}

impl StepIds {
    pub(super) fn new(seed: u64, story: u64, step: u64, at: Moment) -> Self {
        let dice = Dice::new(seed, Kind::Id, story * STEPS_MAX + step);
        Self {
            dice: Mutex::new(dice),
            millis: EPOCH_MILLIS + at * 1_000,
        }
    }
}

impl Ids for StepIds {
    fn next(&self) -> Uuid {
        let mut dice = self.dice.lock().unwrap_or_else(PoisonError::into_inner);
        let mut random = [0; 10];
        random[..8].copy_from_slice(&dice.next().to_be_bytes());
        random[8..].copy_from_slice(&dice.next().to_be_bytes()[..2]);
        uuid::Builder::from_unix_timestamp_millis(self.millis, &random).into_uuid()
    }
}

/// The number of the story of a member's life.
pub(super) const fn life_of(member: u64) -> u64 {
    member * 2
}

/// The number of the story of a post.
pub(super) const fn story_of(post: u64) -> u64 {
    post * 2 + 1
}

/// The id of a member, who registers in the first step of their life.
pub(super) fn member(community: &Community<'_>, number: u64) -> MemberId {
    let joins = community.joins(number);
    MemberId::new(StepIds::new(community.seed, life_of(number), 0, joins).next())
}

/// The stream of a member.
pub(super) fn stream(member: MemberId) -> Result<StreamName, ReadError> {
    let stream = member.stream();
    StreamName::new(stream).map_err(|error| ReadError::Damaged(error.to_string()))
}

/// Checks that a member was registered under the id that the stories count on.
pub(super) fn expect(found: Uuid, expected: MemberId) -> Result<(), CommandError> {
    if found == expected.uuid() {
        Ok(())
    } else {
        Err(CommandError::Broken(format!(
            "{found} was registered instead of {expected}"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_the_same_again_and_those_of_other_steps_are_others() {
        let ids = |seed, story, step| {
            let source = StepIds::new(seed, story, step, 60);
            [source.next(), source.next(), source.next()]
        };
        assert_eq!(ids(1, 2, 3), ids(1, 2, 3));
        let all = [ids(1, 2, 3), ids(1, 2, 4), ids(1, 3, 3), ids(2, 2, 3)].concat();
        let distinct: std::collections::BTreeSet<&Uuid> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
        assert!(all.iter().all(|id| id.get_version_num() == 7));
    }
}
