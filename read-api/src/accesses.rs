//! Who opened what a member wrote, and why: for that member alone.

use axum::extract::State;
use meguri_events::{AccessEvent, Event, Opened, SealedTextOpened};
use meguri_http::{Member, Problem, Problems, Query, kinds};
use meguri_log::{OpenedEvent, Recorded, SectionContent};
use serde::Serialize;
use utoipa::ToSchema;

use crate::freshness::Seen;
use crate::list::List;
use crate::own::{self, OwnQuery};
use crate::{ReadApi, asker};

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

/// Reads who opened one's own sealed texts, newest first.
///
/// When somebody who runs the server or audits it opens what a member wrote, that is recorded
/// before they see it: who, which texts, when and why.
#[utoipa::path(
    get, path = "/me/accesses", tag = "members", operation_id = "read_accesses",
    extensions(("x-summary-ja" = json!("自分の書いたものが開かれた記録を見る"))),
    security(("bearer" = [])),
    params(OwnQuery),
    responses(
        (status = 200, description = "A page of accesses", body = List<AccessAnswer>,
            headers(("meguri-position" = u64, description = "Position the answer has seen"))),
        (status = 401, description = "No access token, or one that is unknown, revoked or expired",
            content_type = "application/problem+json", body = meguri_http::ProblemBody),
        (status = 403, description = "The token is not a member's",
            content_type = "application/problem+json", body = meguri_http::ProblemBody),
        Problems,
    )
)]
pub(crate) async fn read_accesses(
    State(api): State<ReadApi>,
    member: Member,
    Query(query): Query<OwnQuery>,
) -> Result<Seen<List<AccessAnswer>>, Problem> {
    let member = asker::id_of(&member)?;
    let page = own::page(&api, member.access_stream(), &query).await?;
    let unopened = |error: &dyn std::error::Error| {
        tracing::error!(%error, "accesses cannot be opened");
        Problem::new(kinds::UNAVAILABLE).retry_after(1)
    };
    let opened = api
        .log
        .open_events(&page.events)
        .await
        .map_err(|error| unopened(&error))?;
    let mut items = Vec::with_capacity(page.events.len());
    for (event, opened) in page.events.iter().zip(opened) {
        let opened = opened.map_err(|error| unopened(&error))?;
        items.extend(AccessAnswer::of(event, opened)?);
    }
    let next = page.next;
    Ok(Seen::at(page.head, List { items, next }))
}
