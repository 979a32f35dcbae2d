//! Search in the log: by member, type, time and exchange, for auditors; a party finds its own
//! exchanges.

use std::collections::HashMap;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use meguri_events::ExchangeId;
use meguri_http::{Language, Problem, Query, kinds};
use meguri_read_api::audit::{Entry, Found, Wanted};
use meguri_read_api::exchange::ExchangeAnswer;
use meguri_read_api::list::{LIMIT_DEFAULT, List, Part};
use meguri_read_api::{Freshness, Position, ReadApi, Viewer};
use serde::Deserialize;

use super::frame::{self, Frame};
use super::session::Reader;
use super::teller::{Moment, Teller, Who, called};
use super::words::{self, either};
use crate::Site;

/// What is looked for; empty fields of the form look for everything.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Form {
    member: String,
    exchange: String,
    #[serde(rename = "type")]
    event_type: String,
    from: String,
    to: String,
    /// Only events after this position.
    after: u64,
    /// Where a party's list of exchanges goes on.
    cursor: Option<String>,
}

/// The page.
#[derive(Template)]
#[template(path = "audit/search.html")]
struct SearchPage<'a> {
    frame: Frame<'a>,
    form: &'a Form,
    /// The types to choose from: their codes, their names, whether they are chosen.
    types: Vec<(&'static str, &'a str, bool)>,
    own: Option<OwnExchanges>,
    found: Option<Rows>,
}

/// A page of a party's own exchanges.
struct OwnExchanges {
    exchanges: Vec<OwnExchange>,
    next: Option<String>,
}

struct OwnExchange {
    id: String,
    opener: String,
    asked: String,
    opened: Moment,
}

/// What was found.
struct Rows {
    events: Vec<Row>,
    up_to: Position,
    goes_on: bool,
}

struct Row {
    position: Position,
    checkpoint: Option<u64>,
    what: String,
    event_type: String,
    /// The actor and the moment; none where the event was redacted.
    said: Option<(Who, Moment)>,
    stream: String,
    /// The exchange, and a version a few before the event: where its timeline is entered.
    exchange: Option<(ExchangeId, u64)>,
}

/// Shows what was found.
///
/// # Errors
/// 400 for a field that cannot be read, 404 for an exchange or a member that the reader may know
/// nothing of.
pub(super) async fn search(
    State(site): State<Site>,
    language: Language,
    Reader(viewer): Reader,
    Query(form): Query<Form>,
) -> Result<Response, Problem> {
    let is_member = viewer.principal().member().is_some();
    let (mut own, mut found) = (None, None);
    if is_member && form.exchange.trim().is_empty() {
        own = Some(own_exchanges(&site.read, &viewer, &form, language).await?);
    } else {
        let wanted = form.wanted();
        let events = site.read.search_log(&viewer, &wanted).await?;
        found = Some(Rows::of(events, language));
    }
    let types = meguri_events::TYPES.iter().map(|&code| {
        let chosen = code == form.event_type;
        (code, words::event_type(code, language), chosen)
    });
    let page = SearchPage {
        frame: Frame {
            language,
            title: either(language, "監査: 記録をさがす", "Audit: search the log"),
            reader: Some(viewer.principal()),
        },
        types: types.collect(),
        form: &form,
        own,
        found,
    };
    Ok(frame::page(&page, language))
}

impl Form {
    fn wanted(&self) -> Wanted {
        Wanted {
            member: self.member.clone(),
            exchange: self.exchange.clone(),
            event_type: self.event_type.clone(),
            from: self.from.clone(),
            to: self.to.clone(),
            after: self.after,
        }
    }
}

impl Rows {
    fn of(found: Found, language: Language) -> Self {
        let teller = Teller {
            language,
            names: &found.names,
            places: &HashMap::new(),
            published: found.published,
        };
        let row = |event: Entry| {
            let said = event.said.as_ref();
            let exchange = ExchangeId::from_stream(&event.stream);
            Row {
                position: event.position,
                checkpoint: teller.checkpoint(event.position),
                what: teller.what(&event.event_type).to_owned(),
                said: said.map(|said| (teller.who(said), Moment::of(said.at, language))),
                exchange: exchange.map(|id| (id, event.version.saturating_sub(20))),
                event_type: event.event_type,
                stream: event.stream,
            }
        };
        Self {
            events: found.events.into_iter().map(row).collect(),
            up_to: found.up_to,
            goes_on: found.goes_on,
        }
    }
}

async fn own_exchanges(
    read: &ReadApi,
    viewer: &Viewer,
    form: &Form,
    language: Language,
) -> Result<OwnExchanges, Problem> {
    let after = form.cursor.as_deref().map(str::parse).transpose();
    let after = after.map_err(|_| {
        Problem::new(kinds::BAD_REQUEST).detail(
            "cursor は前のページの next をそのまま渡してください",
            "cursor is `next` of the page before, as it is",
        )
    })?;
    let part = Part {
        after,
        limit: LIMIT_DEFAULT,
    };
    let page = read.exchanges(viewer, None, part, Freshness::default());
    let List { items, next } = page.await?.body;
    let shown = |exchange: ExchangeAnswer| OwnExchange {
        opener: called(exchange.opener, language),
        asked: called(exchange.asked, language),
        opened: Moment::written(&exchange.opened_at, language),
        id: exchange.id,
    };
    Ok(OwnExchanges {
        exchanges: items.into_iter().map(shown).collect(),
        next,
    })
}
