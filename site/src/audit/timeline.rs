//! The timeline of an exchange.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use meguri_domain::Side;
use meguri_events::{ExchangeId, MemberId};
use meguri_http::{Language, Path, Problem, Query};
use meguri_read_api::Position;
use meguri_read_api::audit::{Standing, Step, Timeline};
use serde::Deserialize;

use super::causes::Picture;
use super::frame::{self, Frame};
use super::session::Reader;
use super::teller::{Cause, Moment, Teller, Who};
use super::words::{self, either};
use crate::Site;

/// Which part of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Part {
    /// Only events after this version of the exchange.
    #[serde(default)]
    after: u64,
}

/// The page.
#[derive(Template)]
#[template(path = "audit/timeline.html")]
struct TimelinePage<'a> {
    frame: Frame<'a>,
    stream: String,
    /// Which side, under which name, as which member.
    parties: Vec<(&'static str, String, String)>,
    standing: String,
    goes_on: bool,
    /// The verifier key as this server tells it.
    key: Option<String>,
    picture: Picture,
    events: Vec<EventRow>,
    /// The version after which the next page begins.
    next: Option<u64>,
}

/// An event of the timeline.
struct EventRow {
    position: Position,
    checkpoint: Option<u64>,
    what: String,
    event_type: String,
    /// What the header says; none where it was redacted or cannot be read.
    said: Option<SaidRow>,
    /// Where the exchange stood before, where the event has changed that.
    before: Option<String>,
    after: String,
    header: Option<String>,
}

/// What the header of an event says.
struct SaidRow {
    /// For the program that compares it with what the row shows.
    id: String,
    version: u64,
    causation: String,
    who: Who,
    when: Moment,
    why: &'static str,
    policy: Option<u32>,
    cause: Cause,
    /// The names of its sealed sections.
    sealed: String,
}

/// Shows what happened in an exchange to its parties and to auditors.
///
/// # Errors
/// 404 where there is none, and for members who are not one of the two.
pub(super) async fn timeline(
    State(site): State<Site>,
    language: Language,
    Reader(viewer): Reader,
    Path(id): Path<ExchangeId>,
    Query(part): Query<Part>,
) -> Result<Response, Problem> {
    let timeline = site.read.timeline(&viewer, id, part.after).await?;
    let frame = Frame {
        language,
        title: either(language, "交換の記録", "What happened in an exchange"),
        reader: Some(viewer.principal()),
    };
    Ok(frame::page(
        &TimelinePage::of(frame, id, &timeline),
        language,
    ))
}

impl<'a> TimelinePage<'a> {
    fn of(frame: Frame<'a>, id: ExchangeId, timeline: &Timeline) -> Self {
        let (language, story) = (frame.language, &timeline.story);
        let teller = Teller {
            language,
            names: &timeline.names,
            places: &story.places,
            published: timeline.published,
        };
        let named = parties(&teller, &story.standing);
        let sides = [Side::Opener, Side::Asked].into_iter().zip(&named);
        let parties = sides.map(|(side, (member, name))| {
            (words::side(side, language), name.clone(), member.stream())
        });
        let last = story.steps.last().filter(|_| story.goes_on);
        Self {
            frame,
            stream: id.stream(),
            parties: parties.collect(),
            standing: teller.standing(&story.standing),
            goes_on: story.goes_on,
            key: timeline.key.clone(),
            picture: Picture::of(&story.steps, &named, language),
            events: story.steps.iter().map(|it| row(&teller, it)).collect(),
            next: last.map(|last| last.entry.version),
        }
    }
}

fn row(teller: &Teller<'_>, step: &Step) -> EventRow {
    let entry = &step.entry;
    let said = entry.said.as_ref().map(|said| SaidRow {
        id: said.id.to_string(),
        version: said.version,
        causation: said.causation.map(|id| id.to_string()).unwrap_or_default(),
        who: teller.who(said),
        when: Moment::of(said.at, teller.language),
        why: teller.why(said, step.event.as_ref()),
        policy: said.policy,
        cause: teller.cause(said),
        sealed: said.sealed.join(", "),
    });
    let (before, after) = (teller.standing(&step.before), teller.standing(&step.after));
    EventRow {
        position: entry.position,
        checkpoint: teller.checkpoint(entry.position),
        what: teller.what(&entry.event_type).to_owned(),
        event_type: entry.event_type.clone(),
        said,
        before: Some(before).filter(|before| *before != after),
        after,
        header: entry.header.clone(),
    }
}

fn parties(teller: &Teller<'_>, standing: &Standing) -> Vec<(MemberId, String)> {
    let Standing::Known(exchange) = standing else {
        return Vec::new();
    };
    let both = [exchange.opener(), exchange.asked()];
    both.map(|member| (member, teller.member(member))).into()
}
