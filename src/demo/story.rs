//! What happens: the life of a member, and all that comes of one Need or Offer.

use super::calendar::{Moment, days, hours};
use super::community::{Community, Person};
use super::dice::{Dice, Kind};
use super::exchange::Script;
use super::ids;
use super::texts::{City, PostTexts, Ways, fill};

/// A sequence of acts of which each needs the one before.
#[derive(Debug)]
pub(super) struct Story {
    /// Which one: ids are drawn from it.
    pub(super) number: u64,
    /// Every member with this number or below has to be registered before.
    pub(super) after_member: Option<u64>,
    /// In the order of time; never empty.
    pub(super) steps: Vec<Step>,
}

/// One act.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) at: Moment,
    /// The number of the member who acts.
    pub(super) who: u64,
    pub(super) act: Act,
}

/// What somebody does.
#[derive(Debug)]
pub(super) enum Act {
    Register(Box<Person>),
    Rename(String),
    Leave,
    Post(PostAct),
    /// In one of the exchanges of the story, counted from 0.
    Exchange(usize, ExchangeAct),
}

/// What the author does about a post.
#[derive(Debug)]
pub(super) enum PostAct {
    Write(Box<PostSheet>),
    Edit { description: String },
    Close,
    Reopen,
}

/// What a party does in an exchange.
#[derive(Debug)]
pub(super) enum ExchangeAct {
    Open {
        message: String,
        way: Way,
    },
    Say {
        text: String,
        keep_negotiating: bool,
        /// The terms that the speaker has seen.
        terms_version: u32,
    },
    Propose(TermsSheet),
    Agree {
        version: u32,
    },
    Cancel {
        reason: String,
    },
    Abort {
        reason: String,
    },
    Report,
    Thank {
        words: Option<String>,
    },
    Evaluate {
        words: String,
    },
    Retract,
}

/// How help is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Online,
    ByPost,
    InPerson,
}

/// Whether somebody needs or offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Need,
    Offer,
}

impl Side {
    /// A little more is needed than offered.
    fn by_chance(dice: &mut Dice) -> Self {
        if dice.percent(55) {
            Self::Need
        } else {
            Self::Offer
        }
    }
}

/// A post, ready to be written.
#[derive(Debug, Clone)]
pub(super) struct PostSheet {
    pub(super) side: Side,
    pub(super) title: String,
    pub(super) description: String,
    pub(super) category: meguri_events::Category,
    pub(super) tags: Vec<String>,
    pub(super) prefecture: u8,
    pub(super) city: String,
    pub(super) lat: f64,
    pub(super) lon: f64,
    pub(super) online: bool,
    pub(super) offline: bool,
    pub(super) no_return_needed: bool,
    pub(super) wished_return: Option<String>,
}

/// Terms, ready to be proposed.
#[derive(Debug, Clone)]
pub(super) struct TermsSheet {
    pub(super) what: String,
    pub(super) when: String,
    pub(super) way: Way,
    pub(super) in_return: Option<String>,
}

/// All stories of a community, in the order in which they begin.
pub(super) struct Stories<'c> {
    community: &'c Community<'c>,
    next_member: u64,
    exchanges_planned: u64,
    exchanges: u64,
    next_post: u64,
}

impl<'c> Stories<'c> {
    /// Stories with that many exchanges altogether.
    pub(super) const fn new(community: &'c Community<'c>, exchanges: u64) -> Self {
        Self {
            community,
            next_member: 0,
            exchanges_planned: 0,
            exchanges,
            next_post: 0,
        }
    }

    /// When the next post appears: the larger the community, the more often.
    fn next_post_at(&self) -> Moment {
        // Square roots are exact in IEEE 754: every machine gets the same moment.
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 exchanges")]
        let share = (self.exchanges_planned as f64 / self.exchanges.max(1) as f64).sqrt();
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and the span"
        )]
        let moment = (share * 0.94 * self.community.span as f64) as Moment;
        days(2) + moment
    }
}

impl Iterator for Stories<'_> {
    type Item = Story;

    fn next(&mut self) -> Option<Story> {
        let members_left = self.next_member < self.community.members();
        let posts_left = self.exchanges_planned < self.exchanges;
        let post_at = self.next_post_at();
        if members_left && (!posts_left || self.community.joins(self.next_member) <= post_at) {
            let number = self.next_member;
            self.next_member += 1;
            return Some(life(self.community, number));
        }
        if !posts_left {
            return None;
        }
        let left = self.exchanges - self.exchanges_planned;
        let (story, exchanges) = about_a_post(self.community, self.next_post, post_at, left);
        self.next_post += 1;
        self.exchanges_planned += exchanges;
        Some(story)
    }
}

/// A member joins, may take another nickname, may leave.
fn life(community: &Community<'_>, number: u64) -> Story {
    let person = community.person(number);
    let step = |at, act| Step {
        at,
        who: number,
        act,
    };
    let renamed = person
        .later_nickname
        .clone()
        .filter(|(at, _)| person.leaves.is_none_or(|leaves| *at < leaves))
        .map(|(at, nickname)| step(at, Act::Rename(nickname)));
    let left = person.leaves.map(|at| step(at, Act::Leave));
    let joined = step(person.joins, Act::Register(Box::new(person)));
    let steps = [Some(joined), renamed, left].into_iter().flatten();
    let steps = steps.filter(|step| step.at < community.span).collect();
    Story {
        number: ids::life_of(number),
        after_member: None,
        steps,
    }
}

/// A member posts, others come forward; returns how many exchanges that makes.
fn about_a_post(
    community: &Community<'_>,
    number: u64,
    at: Moment,
    exchanges_left: u64,
) -> (Story, u64) {
    let mut dice = Dice::new(community.seed, Kind::Story, number);
    let settled = community.settled_at(at);
    let author = community.somebody(&mut dice, settled);
    let side = Side::by_chance(&mut dice);
    let texts = community.texts.of(side).pick(&mut dice);
    let post = post_sheet(community, side, texts, community.city(author), &mut dice);
    let exchanges = how_many(&mut dice).min(exchanges_left);
    let (mut steps, mut parties, mut opened_at) = (vec![], vec![author], at);
    for exchange in 0..exchanges {
        opened_at += hours(dice.between(1, 30));
        let script = somebody_comes(
            community,
            (&post, texts),
            exchange,
            settled,
            &mut parties,
            &mut dice,
        );
        steps.extend(script.play(opened_at));
    }
    steps.extend(care_for_the_post(
        community,
        &post,
        author,
        (at, opened_at),
        &mut dice,
    ));
    steps.retain(|step| step.at < community.span);
    // Stable: what a script put in order stays in order.
    steps.sort_by_key(|step| step.at);
    let act = Act::Post(PostAct::Write(Box::new(post)));
    steps.insert(
        0,
        Step {
            at,
            who: author,
            act,
        },
    );
    let after_member = parties.iter().max().copied();
    (
        Story {
            number: ids::story_of(number),
            after_member,
            steps,
        },
        exchanges,
    )
}

/// Somebody who is none of the `parties` yet opens an exchange with the first of them.
fn somebody_comes<'s>(
    community: &'s Community<'s>,
    (post, texts): (&'s PostSheet, &'s PostTexts),
    exchange: u64,
    settled: u64,
    parties: &mut Vec<u64>,
    dice: &mut Dice,
) -> Script<'s> {
    // INVARIANT: the author is the first.
    let author = parties.first().copied().unwrap_or_default();
    let way = suitable_way(texts, dice);
    let near = (way == Way::InPerson).then_some(author);
    let opener = community.partner(dice, settled, near, parties);
    parties.push(opener);
    Script {
        community,
        post,
        texts,
        exchange: usize::try_from(exchange).unwrap_or_default(),
        opener: community.person(opener),
        asked: community.person(author),
        way,
        dice: Dice::new(community.seed, Kind::Story, dice.next()),
    }
}

/// Most posts lead to one exchange.
fn how_many(dice: &mut Dice) -> u64 {
    match dice.below(100) {
        0..12 => 0,
        12..72 => 1,
        72..90 => 2,
        _ => 3,
    }
}

fn post_sheet(
    community: &Community<'_>,
    side: Side,
    texts: &PostTexts,
    city: &City,
    dice: &mut Dice,
) -> PostSheet {
    let in_city = |text: &str| fill(text, &[("{city}", &city.name)]);
    let no_return_needed = dice.percent(35);
    let wishes = !no_return_needed && dice.percent(60);
    PostSheet {
        side,
        title: in_city(&texts.title),
        description: in_city(&texts.description),
        category: texts.category,
        tags: texts.tags.clone(),
        prefecture: city.prefecture,
        city: city.name.clone(),
        lat: city.lat,
        lon: city.lon,
        online: texts.ways != Ways::Offline,
        offline: texts.ways != Ways::Online,
        no_return_needed,
        wished_return: wishes.then(|| community.texts.talk.return_wish.pick(dice).clone()),
    }
}

fn suitable_way(texts: &PostTexts, dice: &mut Dice) -> Way {
    match texts.ways {
        Ways::Online => Way::Online,
        Ways::Both if dice.percent(50) => Way::Online,
        Ways::Both | Ways::Offline if texts.by_post && dice.percent(70) => Way::ByPost,
        Ways::Both | Ways::Offline => Way::InPerson,
    }
}

/// The author adds a note, closes the post after a while, now and then opens it again.
fn care_for_the_post(
    community: &Community<'_>,
    post: &PostSheet,
    author: u64,
    (written, last_opening): (Moment, Moment),
    dice: &mut Dice,
) -> Vec<Step> {
    let step = |at, act| Step {
        at,
        who: author,
        act,
    };
    let mut steps = vec![];
    if dice.percent(12) {
        let note = community.texts.talk.edit_note.pick(dice);
        let description = format!("{}\n\n{note}", post.description);
        steps.push(step(
            written + hours(dice.between(1, 20)),
            Act::Post(PostAct::Edit { description }),
        ));
    }
    if dice.percent(55) {
        let closed = last_opening + days(dice.between(1, 12)) + hours(dice.below(8));
        steps.push(step(closed, Act::Post(PostAct::Close)));
        if dice.percent(8) {
            steps.push(step(
                closed + days(dice.between(1, 9)),
                Act::Post(PostAct::Reopen),
            ));
        }
    }
    steps
}

#[cfg(test)]
mod tests;
