//! One event as people read it: who, what, when, why, what led to it, and what it changed.

use std::collections::HashMap;

use meguri_domain::{Exchange, Side};
use meguri_events::{ExchangeEvent, MemberId};
use meguri_http::Language;
use meguri_log::{Header, Position, Timestamp};
use uuid::Uuid;

use super::story::{Place, Standing, Step};
use super::words::{self, either};
use crate::html::Html;
use crate::names::Names;

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
    const fn say(&self, ja: &'static str, en: &'static str) -> &'static str {
        either(self.language, ja, en)
    }

    /// An event of a timeline.
    pub(super) fn event(&self, html: &mut Html, step: &Step) {
        let header = step.header();
        let position = step.recorded.position().to_string();
        html.raw("<li class=\"event\" id=\"event-").text(&position);
        html.raw("\" data-position=\"").text(&position).raw("\"");
        if let Some(header) = &header {
            claims(html, header);
        }
        html.raw(">\n<h3>")
            .text(words::event_type(step.recorded.event_type(), self.language));
        html.raw("</h3> <code class=\"type\">")
            .text(step.recorded.event_type())
            .raw("</code> ");
        self.badge(html, step.recorded.position());
        html.raw("\n<dl>\n");
        match &header {
            Some(header) => self.header(html, header, step.event.as_ref()),
            None => self.term(html, ("内容", "Content"), |html| {
                html.raw(self.say("墨消しされたか、読めません", "Redacted, or not readable"));
            }),
        }
        self.term(html, ("状態", "State"), |html| self.change(html, step));
        self.term(html, ("証明", "Proof"), |html| {
            html.raw("<a href=\"/api/events/")
                .text(&position)
                .raw("/proof\">");
            html.raw(self.say("証明（JSON）", "Proof (JSON)"));
            html.raw("</a> <output class=\"verdict\"></output>");
        });
        html.raw("</dl>\n");
        if let Some(text) = step.recorded.header_text() {
            html.raw("<details><summary>");
            html.raw(self.say("記録されたヘッダー", "The header as recorded"));
            html.raw("</summary><pre class=\"header\">")
                .text(text)
                .raw("</pre></details>\n");
        }
        html.raw("</li>\n");
    }

    fn header(&self, html: &mut Html, header: &Header<'_>, event: Option<&ExchangeEvent>) {
        self.term(html, ("だれ", "Who"), |html| {
            self.who(html, header.actor);
            if let Some(other) = header.acting_for {
                html.raw(self.say("（", " (for "))
                    .text(&self.name_of(other));
                html.raw(self.say(" の代わりに）", ")"));
            }
        });
        self.term(html, ("いつ", "When"), |html| {
            moment(html, header.at, self.language);
        });
        self.term(html, ("なぜ", "Why"), |html| {
            html.raw(self.why(header, event));
            if let Some(version) = header.policy {
                html.raw(self.say("（方針 第", " (policy version "))
                    .text(&version.to_string());
                html.raw(self.say("版）", ")"));
            }
        });
        self.term(html, ("きっかけ", "Caused by"), |html| {
            self.cause(html, header);
        });
        if !header.sealed.is_empty() {
            self.term(html, ("封印", "Sealed"), |html| {
                let sections: Vec<_> = header.sealed.iter().map(|it| it.section).collect();
                html.raw("<code>").text(&sections.join(", ")).raw("</code>");
            });
        }
    }

    fn term(
        &self,
        html: &mut Html,
        name: (&'static str, &'static str),
        say: impl FnOnce(&mut Html),
    ) {
        html.raw("<dt>")
            .raw(self.say(name.0, name.1))
            .raw("</dt><dd>");
        say(html);
        html.raw("</dd>\n");
    }

    /// Whether an event is under a signed checkpoint.
    pub(super) fn badge(&self, html: &mut Html, position: Position) {
        if let Some(size) = self.published.filter(|size| position.get() <= *size) {
            html.raw("<span class=\"badge in\">");
            html.raw(self.say("チェックポイント ", "in checkpoint "))
                .text(&size.to_string());
            html.raw(self.say(" に記録済み", "")).raw("</span>");
        } else {
            html.raw("<span class=\"badge\">");
            html.raw(self.say("未記録（チェックポイント待ち）", "not in a checkpoint yet"));
            html.raw("</span>");
        }
    }

    /// Who did something.
    pub(super) fn who(&self, html: &mut Html, actor: &str) {
        html.text(&self.name_of(actor))
            .raw(" <code class=\"actor\">")
            .text(actor)
            .raw("</code>");
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
        let person = self.names.person(member);
        let erased = || self.say("（名前なし）", "(no name)").to_owned();
        person.nickname.or(person.user_name).unwrap_or_else(erased)
    }

    fn why(&self, header: &Header<'_>, event: Option<&ExchangeEvent>) -> &'static str {
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
            _ if header.actor.starts_with("policy-") => self.say("決められた自動処理", "By policy"),
            _ => self.say("本人の操作", "Their own act"),
        }
    }

    fn cause(&self, html: &mut Html, header: &Header<'_>) {
        let Some(causation) = header.causation else {
            html.raw(self.say("記されていません", "Not said"));
            return;
        };
        if let Some(place) = self.places.get(&causation) {
            let position = place.position.to_string();
            if place.own {
                html.raw("<a href=\"#event-").text(&position).raw("\">");
            }
            html.raw(self.say("位置 ", "Position "))
                .text(&position)
                .raw(" ");
            html.text(words::event_type(&place.event_type, self.language));
            html.raw(if place.own { "</a>" } else { "" });
        } else if header.actor.starts_with("policy-") {
            html.raw(self.say("別の出来事 ", "Another event "));
            html.raw("<code>")
                .text(&causation.to_string())
                .raw("</code>");
        } else {
            html.raw(self.say("画面や API での操作 ", "A command "));
            html.raw("<code>")
                .text(&causation.to_string())
                .raw("</code>");
        }
    }

    fn change(&self, html: &mut Html, step: &Step) {
        let before = self.standing(&step.before);
        let after = self.standing(&step.after);
        if before == after {
            html.text(&after)
                .raw(self.say("（変わらず）", " (unchanged)"));
        } else {
            html.text(&before)
                .raw(" → <span class=\"change\">")
                .text(&after)
                .raw("</span>");
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

/// What the row shows of the header, for the program that compares the two.
fn claims(html: &mut Html, header: &Header<'_>) {
    let causation = header
        .causation
        .map(|id| id.to_string())
        .unwrap_or_default();
    let (id, version) = (header.id.to_string(), header.version.to_string());
    html.raw(" data-id=\"").text(&id);
    html.raw("\" data-version=\"").text(&version);
    html.raw("\" data-causation=\"").text(&causation).raw("\"");
}

/// A moment, on the clock of the reader's language.
pub(super) fn moment(html: &mut Html, at: Timestamp, language: Language) {
    let (shown, zone) = match language {
        Language::Japanese => (
            Timestamp::from_micros(at.micros().saturating_add(JAPAN_MICROS)),
            "（日本時間）",
        ),
        Language::English => (at, " UTC"),
    };
    let shown = shown.to_string();
    let shown = shown.get(..19).unwrap_or(&shown).replace('T', " ");
    html.raw("<time datetime=\"")
        .text(&at.to_string())
        .raw("\">")
        .text(&shown);
    html.raw(zone).raw("</time>");
}
