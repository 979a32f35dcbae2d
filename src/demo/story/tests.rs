//! What holds for every story, whatever the seed.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;

use super::*;
use crate::demo::calendar::weeks;
use crate::demo::texts::Texts;

const MEMBERS: u64 = 120;
const EXCHANGES: u64 = 900;

fn with_stories<T>(seed: u64, look: impl FnOnce(&Community<'_>, Vec<Story>) -> T) -> T {
    let texts = Texts::load().unwrap();
    let community = Community::new(&texts, seed, MEMBERS, weeks(8));
    let stories = Stories::new(&community, EXCHANGES).collect();
    look(&community, stories)
}

fn opened(story: &Story) -> usize {
    let opens = |step: &&Step| matches!(step.act, Act::Exchange(_, ExchangeAct::Open { .. }));
    story.steps.iter().filter(opens).count()
}

#[test]
fn the_same_seed_tells_the_same_stories_and_another_one_others() {
    let told = |seed| with_stories(seed, |_, stories| format!("{stories:?}"));
    assert_eq!(told(7), told(7));
    assert_ne!(told(7), told(8));
}

#[test]
fn stories_begin_in_the_order_of_time_and_each_goes_forward() {
    with_stories(3, |_, stories| {
        assert!(stories.iter().map(|story| story.steps[0].at).is_sorted());
        for story in &stories {
            assert!(
                story.steps.iter().map(|step| step.at).is_sorted(),
                "{story:?}"
            );
            assert!(story.steps.iter().all(|step| step.at < weeks(8)));
        }
    });
}

#[test]
fn there_are_as_many_members_as_asked_for_and_about_as_many_exchanges() {
    with_stories(11, |_, stories| {
        let joined = |step: &Step| matches!(step.act, Act::Register(_));
        let members = stories
            .iter()
            .flat_map(|story| &story.steps)
            .filter(|step| joined(step));
        assert_eq!(members.count() as u64, MEMBERS);
        // Those that would open after the last day are missing.
        let exchanges = stories.iter().map(opened).sum::<usize>() as u64;
        assert!(
            (EXCHANGES * 9 / 10..=EXCHANGES).contains(&exchanges),
            "{exchanges}"
        );
    });
}

#[test]
fn a_post_comes_first_and_nobody_helps_on_their_own() {
    with_stories(5, |community, stories| {
        for story in stories.iter().filter(|story| story.after_member.is_some()) {
            assert!(
                matches!(story.steps[0].act, Act::Post(PostAct::Write(_))),
                "{story:?}"
            );
            let poster = story.steps[0].who;
            let openers: Vec<u64> = story
                .steps
                .iter()
                .filter(|step| matches!(step.act, Act::Exchange(_, ExchangeAct::Open { .. })))
                .map(|step| step.who)
                .collect();
            let distinct: BTreeSet<&u64> = openers.iter().collect();
            assert_eq!(
                distinct.len(),
                openers.len(),
                "one exchange per opener (H05)"
            );
            assert!(!openers.contains(&poster), "never on one's own post (H04)");
            for step in &story.steps {
                assert!(community.joins(step.who) < story.steps[0].at);
                assert!(!community.leaves(step.who));
            }
        }
    });
}

#[test]
fn everything_that_can_happen_happens() {
    with_stories(2, |_, stories| {
        let seen: BTreeSet<String> = stories
            .iter()
            .flat_map(|story| &story.steps)
            .map(|step| step.act.name().to_owned())
            .collect();
        let expected = [
            "register",
            "change the nickname",
            "leave",
            "post",
            "edit a post",
            "close a post",
            "reopen a post",
            "open an exchange",
            "write a message",
            "propose terms",
            "agree to terms",
            "cancel",
            "abort",
            "report completion",
            "send thanks",
            "write an evaluation",
            "retract an evaluation",
        ];
        assert_eq!(seen, expected.map(ToOwned::to_owned).into());
    });
}

#[test]
fn help_is_given_in_ways_that_the_post_allows_h15() {
    with_stories(9, |_, stories| {
        for story in &stories {
            let Act::Post(PostAct::Write(post)) = &story.steps[0].act else {
                continue;
            };
            for step in &story.steps {
                let Act::Exchange(_, act) = &step.act else {
                    continue;
                };
                let way = if let ExchangeAct::Open { way, .. } = act {
                    *way
                } else if let ExchangeAct::Propose(terms) = act {
                    terms.way
                } else {
                    continue;
                };
                assert!(if way == Way::Online {
                    post.online
                } else {
                    post.offline
                });
            }
        }
    });
}

#[test]
fn a_small_community_works_too() {
    let texts = Texts::load().unwrap();
    let community = Community::new(&texts, 1, 0, weeks(8));
    assert_eq!(community.members(), crate::demo::MEMBERS_MIN);
    let stories: Vec<Story> = Stories::new(&community, 10).collect();
    assert!(stories.iter().map(opened).sum::<usize>() > 5);
    assert_eq!(Stories::new(&community, 0).count(), 4, "members only");
}
