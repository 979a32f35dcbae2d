//! Who opened what a member wrote, and why: for that member alone.

use axum::extract::State;
use meguri_events::{AccessEvent, Event, Opened, SealedTextOpened};
use meguri_http::{Member, Problem, Problems, Query, kinds};
use meguri_log::{
    Direction, OpenedEvent, Recorded, SectionContent, StreamName, StreamRange, Version,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::freshness::Seen;
use crate::list::List;
use crate::views::log_unavailable;
use crate::{ReadApi, asker, freshness, list};

/// A sealed text of an event.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SectionAnswer {
    /// Position of the event.
    position: u64,
    /// Which of its texts, such as `message`.
    section: String,
}

/// An access to what the member wrote.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AccessAnswer {
    /// Where it stands in the log.
    position: u64,
    /// When, RFC 3339.
    #[schema(format = DateTime)]
    at: String,
    /// Who opened it: `operator-…` or `auditor-…`.
    by: String,
    /// What was opened.
    sections: Vec<SectionAnswer>,
    /// Why; null once it is erased.
    reason: Option<String>,
}

impl AccessAnswer {
    /// What an event on the stream of accesses says; none where it was redacted.
    fn of(event: &Recorded, opened: Option<OpenedEvent<'_>>) -> Result<Option<Self>, Problem> {
        let Some(OpenedEvent { header, sections }) = opened else {
            return Ok(None);
        };
        let contents = sections.iter().map(|section| {
            let opened = match &section.content {
                SectionContent::Plain(bytes) => Opened::Plain(bytes),
                SectionContent::Erased => Opened::Erased,
            };
            (section.name.as_str(), opened)
        });
        let contents: Vec<_> = contents.collect();
        let decoded = Event::decode(header.event_type, header.schema, header.data, &contents);
        let decoded = decoded.map_err(|error| {
            tracing::error!(%error, position = %event.position(), "an access cannot be read");
            Problem::new(kinds::INTERNAL)
        })?;
        let Event::Access(AccessEvent::SealedTextOpened(access)) = decoded else {
            return Ok(None);
        };
        let SealedTextOpened {
            sections, reason, ..
        } = access;
        let sections = sections.iter().map(|it| SectionAnswer {
            position: it.position(),
            section: it.section().to_owned(),
        });
        Ok(Some(Self {
            position: event.position().get(),
            at: header.at.to_string(),
            by: header.actor.to_owned(),
            sections: sections.collect(),
            reason: reason.into_known(),
        }))
    }
}

/// Which part of the accesses is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AccessesQuery {
    /// Most entries of the page.
    #[serde(default = "list::limit_default", deserialize_with = "list::limit")]
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: u32,
    /// `next` of the page before.
    #[param(pattern = "^p(0|[1-9a-f][0-9a-f]{0,15})$")]
    cursor: Option<String>,
    /// Wait, up to 5 seconds, until the log has reached this position.
    #[serde(default, deserialize_with = "freshness::whole")]
    #[param(minimum = 0, maximum = 9_007_199_254_740_991_u64)]
    min_position: Option<u64>,
}

/// Reads who opened one's own sealed texts, newest first.
///
/// When somebody who runs the server or audits it opens what a member wrote, that is recorded
/// before they see it: who, which texts, when and why.
#[utoipa::path(
    get, path = "/me/accesses", tag = "members", operation_id = "read_accesses",
    extensions(("x-summary-ja" = json!("自分の書いたものが開かれた記録を見る"))),
    security(("bearer" = [])),
    params(AccessesQuery),
    responses(
        (status = 200, description = "A page of accesses", body = List<AccessAnswer>,
            headers(("meguri-position" = u64, description = "Position the answer has seen"))),
        (status = 401, description = "No access token, or one that is unknown or revoked",
            content_type = "application/problem+json", body = meguri_http::ProblemBody),
        (status = 403, description = "The token is not a member's",
            content_type = "application/problem+json", body = meguri_http::ProblemBody),
        Problems,
    )
)]
pub(crate) async fn read_accesses(
    State(api): State<ReadApi>,
    member: Member,
    Query(query): Query<AccessesQuery>,
) -> Result<Seen<List<AccessAnswer>>, Problem> {
    let member = asker::id_of(&member)?;
    list::cursor(query.cursor.as_deref())?;
    let head = api.log_at_least(query.min_position).await?;
    let stream = StreamName::new(member.access_stream()).map_err(|error| {
        tracing::error!(%error, "no stream of accesses");
        Problem::new(kinds::INTERNAL)
    })?;
    let limit = query.limit as usize;
    let newest = StreamRange::newest(limit + 1);
    let range = StreamRange {
        from: query
            .cursor
            .as_deref()
            .and_then(before)
            .unwrap_or(newest.from),
        direction: Direction::Backward,
        ..newest
    };
    let events = api.log.read_stream(&stream, range).await;
    let mut events = events.map_err(|error| log_unavailable(&error))?;
    let next = events
        .get(limit)
        .map(|event| format!("p{:x}", event.version().get()));
    events.truncate(limit);
    let unopened = |error: &dyn std::error::Error| {
        tracing::error!(%error, "accesses cannot be opened");
        Problem::new(kinds::UNAVAILABLE).retry_after(1)
    };
    let opened = api
        .log
        .open_events(&events)
        .await
        .map_err(|error| unopened(&error))?;
    let mut items = Vec::with_capacity(events.len());
    for (event, opened) in events.iter().zip(opened) {
        let opened = opened.map_err(|error| unopened(&error))?;
        items.extend(AccessAnswer::of(event, opened)?);
    }
    Ok(Seen::at(head, List { items, next }))
}

/// The version that a page goes on from; cursors are checked before.
fn before(cursor: &str) -> Option<Version> {
    let version = u64::from_str_radix(cursor.strip_prefix('p')?, 16).ok()?;
    Some(Version::new(version))
}
