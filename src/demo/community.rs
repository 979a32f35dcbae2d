//! The members of the community: computed from the seed when needed, never kept in memory.

use super::calendar::{Moment, days, hours, minutes};
use super::dice::{Dice, Kind};
use super::texts::{City, Texts};

/// Fewest members a community can have.
pub const MEMBERS_MIN: u64 = 4;
/// About how many members share a city, so that they can meet.
const NEIGHBOURS: u64 = 12;
/// In how many cities even a small community lives.
const CITIES_MIN: u64 = 3;
/// How often one looks for a partner who suits before one takes anybody.
const TRIES: u32 = 12;
/// How many of a hundred members leave again.
const LEAVERS_PERCENT: u64 = 2;
/// How many of a hundred members change their nickname.
const RENAMERS_PERCENT: u64 = 4;
/// How many of a hundred members say in which prefecture they live.
const TELLERS_PERCENT: u64 = 85;

/// A member, from first to last.
#[derive(Debug, Clone)]
pub(super) struct Person {
    pub(super) number: u64,
    pub(super) user_name: String,
    pub(super) nickname: String,
    pub(super) mail: String,
    /// Code of the prefecture where the member lives, if they say so.
    pub(super) prefecture: Option<u8>,
    pub(super) joins: Moment,
    /// Another nickname, taken later.
    pub(super) later_nickname: Option<(Moment, String)>,
    /// When the member leaves; who leaves takes part in no exchange.
    pub(super) leaves: Option<Moment>,
}

/// The community of a seed.
#[derive(Debug)]
pub(super) struct Community<'t> {
    pub(super) texts: &'t Texts,
    pub(super) seed: u64,
    /// How long its story lasts.
    pub(super) span: Moment,
    members: u64,
    cities: u64,
}

impl<'t> Community<'t> {
    /// The community of that many members, at least [`MEMBERS_MIN`], and of that length.
    pub(super) fn new(texts: &'t Texts, seed: u64, members: u64, span: Moment) -> Self {
        let members = members.max(MEMBERS_MIN);
        let cities = (members / NEIGHBOURS).clamp(CITIES_MIN, texts.cities.len() as u64);
        Self {
            texts,
            seed,
            span,
            members,
            cities,
        }
    }

    /// How many members there are in the end.
    pub(super) const fn members(&self) -> u64 {
        self.members
    }

    /// The member with a number, from 0 in the order of joining.
    pub(super) fn person(&self, number: u64) -> Person {
        let mut dice = Dice::new(self.seed, Kind::Person, number);
        let user_name = self.user_name(number);
        let mail = format!("{user_name}@example.jp");
        let nickname = self.nickname(number, &mut dice);
        let joins = self.joins(number);
        let later_nickname = dice.percent(RENAMERS_PERCENT).then(|| {
            let epithet = self.texts.people.epithet.pick(&mut dice);
            let (_, _, kana) = self.texts.people.given.at(self.given(number));
            (
                joins + days(dice.between(3, 20)),
                format!("{epithet}{kana}"),
            )
        });
        let leaves = self
            .leaves(number)
            .then(|| joins + days(dice.between(4, 15)) + hours(dice.below(12)));
        let tells = dice.percent(TELLERS_PERCENT);
        let prefecture = tells.then(|| self.city(number).prefecture);
        Person {
            number,
            user_name,
            nickname,
            mail,
            prefecture,
            joins,
            later_nickname,
            leaves,
        }
    }

    /// When a member joins: few at first, more and more later, all before the last days.
    pub(super) fn joins(&self, number: u64) -> Moment {
        if number < MEMBERS_MIN {
            // They found the community.
            return minutes(5 * number);
        }
        // Only operations that IEEE 754 defines exactly: every machine gets the same moment.
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 members")]
        let share = number as f64 / self.members as f64;
        #[expect(clippy::cast_precision_loss, reason = "a few million seconds")]
        let moment = 0.8 * self.span as f64 * share * share.sqrt();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and the span"
        )]
        let moment = moment as Moment;
        moment.max(minutes(5 * MEMBERS_MIN))
    }

    /// How many members have joined a day before that moment or earlier.
    pub(super) fn settled_at(&self, moment: Moment) -> u64 {
        let (mut low, mut high) = (MEMBERS_MIN, self.members);
        while low < high {
            let middle = low.midpoint(high);
            if self.joins(middle) + days(1) <= moment {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// Whether a member leaves again. The first few never do.
    pub(super) fn leaves(&self, number: u64) -> bool {
        let mut dice = Dice::new(self.seed, Kind::Person, number ^ (1 << 63));
        number >= MEMBERS_MIN && dice.percent(LEAVERS_PERCENT)
    }

    /// Where a member lives.
    pub(super) fn city(&self, number: u64) -> &'t City {
        let shift = self.seed.wrapping_mul(7) % self.texts.cities.len() as u64;
        self.texts.cities.at(number % self.cities + shift)
    }

    /// Somebody of the first `settled` who stays; the older, the busier.
    pub(super) fn somebody(&self, dice: &mut Dice, settled: u64) -> u64 {
        self.other(dice, settled, &[], |dice| {
            let one = dice.below(settled);
            one.min(dice.below(settled))
        })
    }

    /// A partner: of the same city if that matters, and none of `taken`.
    pub(super) fn partner(
        &self,
        dice: &mut Dice,
        settled: u64,
        near: Option<u64>,
        taken: &[u64],
    ) -> u64 {
        self.other(dice, settled, taken, |dice| match near {
            Some(home) => {
                let slot = home % self.cities;
                let there = settled.saturating_sub(slot).div_ceil(self.cities);
                slot + self.cities * dice.below(there)
            }
            None => dice.below(settled),
        })
    }

    fn other(
        &self,
        dice: &mut Dice,
        settled: u64,
        taken: &[u64],
        mut draw: impl FnMut(&mut Dice) -> u64,
    ) -> u64 {
        let suits =
            |number: &u64| *number < settled && !taken.contains(number) && !self.leaves(*number);
        (0..TRIES)
            .map(|_| draw(dice))
            .find(suits)
            .or_else(|| (0..settled).find(suits))
            // INVARIANT: the first four stay, and nobody takes more than three.
            .unwrap_or_default()
    }

    fn given(&self, number: u64) -> u64 {
        // 60 and 7 have no common divisor: each round meets every given name once.
        let people = &self.texts.people;
        let round = number / people.family.len() as u64;
        number * 7 + round + self.seed % people.given.len() as u64
    }

    fn family(&self, number: u64) -> u64 {
        number + self.seed % self.texts.people.family.len() as u64 * 13
    }

    /// Unique for seed and number, and pleasant to read as long as the community is small.
    pub(super) fn user_name(&self, number: u64) -> String {
        let people = &self.texts.people;
        let (_, family) = people.family.at(self.family(number));
        let (_, given, _) = people.given.at(self.given(number));
        let again = number / (people.family.len() * people.given.len()) as u64;
        let mut name = format!("{given}_{family}");
        if again > 0 {
            name.push_str(&(again + 1).to_string());
        }
        if self.seed != 1 {
            // A suffix of its own, so that communities of two seeds can live in one log.
            name = format!("{name}_{:x}", self.seed);
        }
        name
    }

    fn nickname(&self, number: u64, dice: &mut Dice) -> String {
        let people = &self.texts.people;
        let (family, _) = people.family.at(self.family(number));
        let (given, _, kana) = people.given.at(self.given(number));
        match dice.below(10) {
            0..=3 => kana.clone(),
            4 => format!("{kana}さん"),
            5 => format!("{family}{given}"),
            6 => family.clone(),
            7 => format!("{}{kana}", people.epithet.pick(dice)),
            8 => format!("{}の{kana}", self.city(number).name),
            _ => given.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::super::calendar::weeks;
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn ten_thousand_members_have_ten_thousand_names() {
        let texts = Texts::load().unwrap();
        for seed in [1, 2, u64::MAX] {
            let community = Community::new(&texts, seed, 10_000, weeks(8));
            let names: BTreeSet<String> = (0..10_000)
                .map(|number| community.user_name(number))
                .collect();
            assert_eq!(names.len(), 10_000);
        }
    }

    #[test]
    fn members_join_in_the_order_of_their_numbers() {
        let texts = Texts::load().unwrap();
        let community = Community::new(&texts, 3, 500, weeks(8));
        let joins: Vec<Moment> = (0..500).map(|number| community.joins(number)).collect();
        assert!(joins.is_sorted());
        for moment in [0, days(3), days(20), weeks(8)] {
            let settled = community.settled_at(moment);
            let counted = joins
                .iter()
                .filter(|joined| **joined + days(1) <= moment)
                .count();
            assert_eq!(settled, (counted as u64).max(MEMBERS_MIN));
        }
    }

    #[test]
    fn most_members_say_in_which_prefecture_they_live_and_say_the_truth_k30() {
        let texts = Texts::load().unwrap();
        let community = Community::new(&texts, 7, 1_000, weeks(8));
        let mut told = 0;
        for number in 0..1_000 {
            if let Some(prefecture) = community.person(number).prefecture {
                assert_eq!(prefecture, community.city(number).prefecture);
                told += 1;
            }
        }
        assert!((800..900).contains(&told), "{told} of 1,000 tell");
    }

    #[test]
    fn partners_are_found_nearby_and_are_nobody_who_is_taken() {
        let texts = Texts::load().unwrap();
        let community = Community::new(&texts, 5, 100, weeks(8));
        let mut dice = Dice::new(5, Kind::Story, 0);
        let mut near = 0;
        for home in 0..100 {
            let partner = community.partner(&mut dice, 100, Some(home), &[home, 2]);
            assert!(partner != home && partner != 2 && !community.leaves(partner));
            near += u64::from(community.city(home).name == community.city(partner).name);
        }
        assert!(near > 90, "only {near} of 100 found somebody near");
    }
}
