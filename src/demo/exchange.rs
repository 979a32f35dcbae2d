//! One exchange, from the opening to thanks, or to wherever it gets.

use super::calendar::{Moment, days, hours, minutes};
use super::community::{Community, Person};
use super::dice::Dice;
use super::story::{Act, ExchangeAct, PostSheet, Side, Step, TermsSheet, Way};
use super::texts::{Choices, PostTexts, fill};

/// How an exchange that was negotiated goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Negotiated {
    Started,
    Over,
}

/// Everything that is needed to play an exchange.
pub(super) struct Script<'c> {
    pub(super) community: &'c Community<'c>,
    pub(super) post: &'c PostSheet,
    pub(super) texts: &'c PostTexts,
    /// Which exchange of the story this is.
    pub(super) exchange: usize,
    pub(super) opener: Person,
    pub(super) asked: Person,
    pub(super) way: Way,
    pub(super) dice: Dice,
}

/// One of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Party {
    Opener,
    Asked,
}

impl Party {
    const fn partner(self) -> Self {
        match self {
            Self::Opener => Self::Asked,
            Self::Asked => Self::Opener,
        }
    }
}

/// What somebody says something about.
#[derive(Debug, Clone, Copy)]
enum Occasion {
    Opening,
    Asking,
    Answering,
    Agreeing,
    Cancelling,
    Progress,
    Finish,
    Aborting,
    Thanking,
    Evaluating,
}

/// The script while it is being written.
struct Play<'c> {
    script: Script<'c>,
    now: Moment,
    when: String,
    in_return: Option<String>,
    /// Number of the latest terms.
    terms_version: u32,
    steps: Vec<Step>,
}

impl Script<'_> {
    /// All steps of the exchange, which opens at that moment.
    pub(super) fn play(mut self, opens: Moment) -> Vec<Step> {
        let when = self
            .community
            .texts
            .talk
            .changed_when
            .pick(&mut self.dice)
            .clone();
        let in_return = self.post.wished_return.clone();
        let mut play = Play {
            script: self,
            now: opens,
            when,
            in_return,
            terms_version: 0,
            steps: vec![],
        };
        play.open();
        if play.negotiate() == Negotiated::Started && play.carry_out() {
            play.look_back();
        }
        play.steps
    }
}

impl<'c> Play<'c> {
    fn open(&mut self) {
        let message = self.line(Occasion::Opening, Party::Opener);
        let way = self.script.way;
        self.act(Party::Opener, ExchangeAct::Open { message, way });
    }

    /// Questions and answers, perhaps other terms, and then both agree; or not.
    fn negotiate(&mut self) -> Negotiated {
        for _ in 0..self.script.dice.below(3) {
            self.wait_hours(1, 9);
            self.say(Party::Asked, Occasion::Asking, true);
            self.wait_minutes(10, 300);
            self.say(Party::Opener, Occasion::Answering, false);
        }
        self.wait_hours(1, 12);
        match self.script.dice.below(100) {
            0..10 => {
                let who = self.either();
                let reason = self.line(Occasion::Cancelling, who);
                self.act(who, ExchangeAct::Cancel { reason });
                Negotiated::Over
            }
            10..15 => Negotiated::Over,
            15..60 => {
                // The first plain answer of the party that was asked starts it (H25).
                self.say(Party::Asked, Occasion::Agreeing, false);
                Negotiated::Started
            }
            _ => {
                self.agree_on_terms();
                Negotiated::Started
            }
        }
    }

    /// Somebody proposes terms, the other perhaps others, the last one agrees (H07).
    fn agree_on_terms(&mut self) {
        let talk = &self.script.community.texts.talk;
        let mut proposer = self.either();
        self.propose(proposer);
        if self.script.dice.percent(25) {
            self.wait_hours(1, 10);
            proposer = proposer.partner();
            self.when = talk.changed_when.pick(&mut self.script.dice).clone();
            self.propose(proposer);
        }
        self.wait_hours(1, 10);
        if proposer == Party::Opener && self.script.dice.percent(50) {
            self.say(Party::Asked, Occasion::Agreeing, false);
        } else {
            let version = self.terms_version;
            self.act(proposer.partner(), ExchangeAct::Agree { version });
            self.wait_minutes(1, 30);
            self.say(proposer.partner(), Occasion::Agreeing, false);
        }
    }

    fn propose(&mut self, who: Party) {
        let talk = &self.script.community.texts.talk;
        let dice = &mut self.script.dice;
        let addition = dice
            .percent(40)
            .then(|| talk.changed_what.pick(dice).as_str());
        let what = format!("{}{}", self.script.texts.what, addition.unwrap_or_default());
        let terms = TermsSheet {
            what,
            when: self.when.clone(),
            way: self.script.way,
            in_return: self.in_return.clone(),
        };
        self.terms_version += 1;
        self.act(who, ExchangeAct::Propose(terms));
    }

    /// Help is given; true when both report that their part is done.
    fn carry_out(&mut self) -> bool {
        self.now += days(self.script.dice.between(0, 5));
        for _ in 0..self.script.dice.between(1, 3) {
            self.wait_minutes(15, 400);
            let who = self.either();
            self.say(who, Occasion::Progress, false);
        }
        self.wait_hours(1, 20);
        match self.script.dice.below(100) {
            0..4 => {
                let who = self.either();
                let reason = self.line(Occasion::Aborting, who);
                self.act(who, ExchangeAct::Abort { reason });
                return false;
            }
            4..8 => return false,
            _ => {}
        }
        if self.script.dice.percent(60) {
            self.say(self.helper(), Occasion::Finish, false);
            self.wait_minutes(1, 20);
        }
        self.act(self.helper(), ExchangeAct::Report);
        if self.script.dice.percent(4) {
            // One side stays silent: the policy will take care of it (H44).
            return false;
        }
        self.wait_hours(1, 24);
        self.act(self.helper().partner(), ExchangeAct::Report);
        true
    }

    /// Thanks of who was helped, words about each other.
    fn look_back(&mut self) {
        let helped = self.helper().partner();
        if self.script.dice.percent(88) {
            self.wait_minutes(2, 600);
            self.thank(helped);
        }
        if self.in_return.is_some() && self.script.dice.percent(45) {
            self.wait_hours(1, 20);
            self.thank(helped.partner());
        }
        for who in [helped, helped.partner()] {
            if !self.script.dice.percent(50) {
                continue;
            }
            self.wait_hours(1, 30);
            let words = self.line(Occasion::Evaluating, who);
            self.act(who, ExchangeAct::Evaluate { words });
            if self.script.dice.percent(3) {
                self.wait_hours(1, 20);
                self.act(who, ExchangeAct::Retract);
            }
        }
    }

    fn thank(&mut self, who: Party) {
        let with_words = self.script.dice.percent(80);
        let words = with_words.then(|| self.line(Occasion::Thanking, who));
        self.act(who, ExchangeAct::Thank { words });
    }

    /// The helper: the owner of an Offer, or the member who applied on a Need.
    fn helper(&self) -> Party {
        match self.script.post.side {
            Side::Need => Party::Opener,
            Side::Offer => Party::Asked,
        }
    }

    fn either(&mut self) -> Party {
        if self.script.dice.percent(50) {
            Party::Opener
        } else {
            Party::Asked
        }
    }

    fn person(&self, party: Party) -> &Person {
        match party {
            Party::Opener => &self.script.opener,
            Party::Asked => &self.script.asked,
        }
    }

    /// What suits the occasion and who speaks.
    fn lines(&self, occasion: Occasion, by_helper: bool) -> &'c Choices<String> {
        let talk = &self.script.community.texts.talk;
        match (occasion, by_helper) {
            (Occasion::Opening, true) => &talk.apply,
            (Occasion::Opening, false) => &talk.request,
            (Occasion::Asking, true) => &talk.helper_asks,
            (Occasion::Asking, false) => &talk.helped_asks,
            (Occasion::Answering, true) => &talk.helper_answers,
            (Occasion::Answering, false) => &talk.helped_answers,
            (Occasion::Agreeing, true) => &talk.helper_agrees,
            (Occasion::Agreeing, false) => &talk.helped_agrees,
            (Occasion::Cancelling, true) => &talk.helper_cancels,
            (Occasion::Cancelling, false) => &talk.helped_cancels,
            (Occasion::Thanking, true) => &talk.helper_thanks,
            (Occasion::Thanking, false) => &talk.helped_thanks,
            (Occasion::Progress, _) => &talk.progress,
            (Occasion::Finish, _) => &talk.finish,
            (Occasion::Aborting, _) => &talk.abort,
            (Occasion::Evaluating, _) => &talk.evaluation,
        }
    }

    /// One of the lines, as this party says it to the other.
    fn line(&mut self, occasion: Occasion, speaker: Party) -> String {
        let lines = self.lines(occasion, speaker == self.helper());
        let line = lines.pick(&mut self.script.dice);
        let city = &self.script.community.city(self.person(speaker).number).name;
        fill(
            line,
            &[
                ("{name}", &self.person(speaker.partner()).nickname),
                ("{me}", &self.person(speaker).nickname),
                ("{city}", city),
                ("{when}", &self.when),
            ],
        )
    }

    fn say(&mut self, who: Party, occasion: Occasion, keep_negotiating: bool) {
        let text = self.line(occasion, who);
        self.act(
            who,
            ExchangeAct::Say {
                text,
                keep_negotiating,
                terms_version: self.terms_version,
            },
        );
    }

    fn act(&mut self, who: Party, act: ExchangeAct) {
        let who = self.person(who).number;
        let act = Act::Exchange(self.script.exchange, act);
        self.steps.push(Step {
            at: self.now,
            who,
            act,
        });
    }

    fn wait_hours(&mut self, low: u64, high: u64) {
        self.now += hours(self.script.dice.between(low, high));
        self.wait_minutes(0, 59);
    }

    fn wait_minutes(&mut self, low: u64, high: u64) {
        self.now += minutes(self.script.dice.between(low, high)) + self.script.dice.below(60);
    }
}
