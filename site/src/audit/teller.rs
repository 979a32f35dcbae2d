//! What is said of an event: who, what, when, why, what led to it, and what it changed.

use std::collections::HashMap;

use meguri_domain::{Exchange, Side};
use meguri_events::{ExchangeEvent, MemberId};
use meguri_http::Language;
use meguri_read_api::audit::{Place, Said, Standing};
use meguri_read_api::{Names, Person, Position, Timestamp};
use uuid::Uuid;

use super::words::{self, either};

/// Japan is nine hours ahead of UTC all year round.
const JAPAN_MICROS: i64 = 9 * 3_600_000_000;

/// What it takes to tell of events.
#[derive(Debug)]
pub(super) struct Teller<'a> {
    pub(super) language: Language,
    pub(super) names: &'a Names,
    /// Where the events are that may have led to others.
    pub(super) places: &'a HashMap<Uuid, Place>,
    /// How many events the last checkpoint has; none where nothing was published.
    pub(super) published: Option<u64>,
}

impl Teller<'_> {
    /// The one of the two texts that the reader understands.
    pub(super) const fn say(&self, ja: &'static str, en: &'static str) -> &'static str {
        either(self.language, ja, en)
    }

    /// What an event of this type is called.
    pub(super) fn what<'t>(&self, event_type: &'t str) -> &'t str {
        words::event_type(event_type, self.language)
    }

    /// The size of the checkpoint that an event is under; none where it is under none yet.
    pub(super) fn checkpoint(&self, position: Position) -> Option<u64> {
        self.published.filter(|size| position.get() <= *size)
    }

    /// The actor of an event, by name.
    pub(super) fn who(&self, said: &Said) -> Who {
        Who {
            name: self.name_of(&said.actor),
            actor: said.actor.clone(),
            acting_for: said.acting_for.as_deref().map(|it| self.name_of(it)),
        }
    }

    /// What led to something.
    pub(super) fn cause(&self, said: &Said) -> Cause {
        let Some(causation) = said.causation else {
            return Cause::NotSaid;
        };
        if let Some(place) = self.places.get(&causation) {
            let what = self.what(&place.event_type).to_owned();
            Cause::Event {
                position: place.position,
                what,
                own: place.own,
            }
        } else if said.actor.starts_with("policy-") {
            Cause::OtherEvent(causation)
        } else {
            Cause::Command(causation)
        }
    }

    fn name_of(&self, actor: &str) -> String {
        if let Some(member) = MemberId::from_stream(actor) {
            return self.member(member);
        }
        let kind = actor.split('-').next().unwrap_or_default();
        let known = match kind {
            "policy" => self.say("自動処理", "Policy"),
            "operator" => self.say("事務局", "Operator"),
            "system" => self.say("システム", "System"),
            _ => return actor.to_owned(),
        };
        known.to_owned()
    }

    /// A member by the name that others read.
    pub(super) fn member(&self, member: MemberId) -> String {
        called(self.names.person(member), self.language)
    }

    /// Why something was done.
    pub(super) fn why(&self, said: &Said, event: Option<&ExchangeEvent>) -> &'static str {
        #[allow(clippy::wildcard_enum_match_arm, reason = "most events give no reason")]
        match event {
            Some(ExchangeEvent::ExchangeCancelled(it)) => {
                words::reason(it.reason_code, self.language)
            }
            Some(ExchangeEvent::ExchangeAborted(it)) => {
                words::reason(it.reason_code, self.language)
            }
            Some(ExchangeEvent::ExchangeCompleted(it)) if it.by_policy => self.say(
                "もう一方の報告がないまま期限が過ぎたため（H44）",
                "The other party did not report in time (H44)",
            ),
            Some(ExchangeEvent::ExchangeCompleted(_)) => self.say(
                "両者が完了を伝えたため（H23）",
                "Both have reported completion (H23)",
            ),
            Some(ExchangeEvent::ExchangeStarted(_)) => self.say(
                "両者が同じ条件に合意したため（H07）",
                "Both agreed to the same terms (H07)",
            ),
            _ if said.actor.starts_with("policy-") => self.say("決められた自動処理", "By policy"),
            _ => self.say("本人の操作", "Their own act"),
        }
    }

    /// Where an exchange stands, in words.
    pub(super) fn standing(&self, standing: &Standing) -> String {
        match standing {
            Standing::Nowhere => self.say("なし", "nothing").to_owned(),
            Standing::Unknown => self.say("不明", "unknown").to_owned(),
            Standing::Known(exchange) => self.state(exchange),
        }
    }

    fn state(&self, exchange: &Exchange) -> String {
        let mut facts = vec![words::status(exchange.status(), self.language).to_owned()];
        let sides = |holds: &dyn Fn(Side) -> bool| {
            let both = [Side::Opener, Side::Asked]
                .into_iter()
                .filter(|side| holds(*side));
            let names: Vec<_> = both.map(|side| words::side(side, self.language)).collect();
            names.join(self.say("・", " and "))
        };
        let terms = exchange.terms_version();
        let agreed = sides(&|side| exchange.agreed_to(side) == Some(terms));
        let reported = sides(&|side| exchange.reported_at(side).is_some());
        let thanked = sides(&|side| exchange.has_thanked(side));
        facts.push(format!("{} {terms}", self.say("条件", "terms")));
        for (what, who) in [
            (self.say("合意", "agreed"), agreed),
            (self.say("完了報告", "reported"), reported),
            (self.say("ありがとう", "thanked"), thanked),
        ] {
            if !who.is_empty() {
                facts.push(format!("{what}: {who}"));
            }
        }
        facts.join(self.say("、", ", "))
    }
}

/// Somebody by the name that others read.
pub(super) fn called(person: Person, language: Language) -> String {
    let erased = || either(language, "（名前なし）", "(no name)").to_owned();
    person.nickname.or(person.user_name).unwrap_or_else(erased)
}

/// The actor of an event, as a page names it.
#[derive(Debug)]
pub(super) struct Who {
    pub(super) name: String,
    /// As events name them.
    pub(super) actor: String,
    /// For whom, where that is somebody else.
    pub(super) acting_for: Option<String>,
}

/// What led to an event.
#[derive(Debug)]
pub(super) enum Cause {
    /// The event does not say.
    NotSaid,
    /// An event that is known; one of the exchange's own is on the page or before it.
    Event {
        position: Position,
        what: String,
        own: bool,
    },
    /// Another event.
    OtherEvent(Uuid),
    /// A command.
    Command(Uuid),
}

/// A moment, on the clock of the reader's language.
#[derive(Debug)]
pub(super) struct Moment {
    /// RFC 3339.
    pub(super) exact: String,
    /// For people, with the name of the zone.
    pub(super) shown: String,
}

impl Moment {
    /// A moment that an answer holds as RFC 3339.
    pub(super) fn written(exact: &str, language: Language) -> Self {
        let at = exact.parse();
        Self::of(
            at.expect("INVARIANT: answers write moments as they are read"),
            language,
        )
    }

    pub(super) fn of(at: Timestamp, language: Language) -> Self {
        let (shown, zone) = match language {
            Language::Japanese => (
                Timestamp::from_micros(at.micros().saturating_add(JAPAN_MICROS)),
                "（日本時間）",
            ),
            Language::English => (at, " UTC"),
        };
        let shown = shown.to_string();
        let shown = shown.get(..19).unwrap_or(&shown).replace('T', " ");
        Self {
            exact: at.to_string(),
            shown: shown + zone,
        }
    }
}
