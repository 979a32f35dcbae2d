//! Who opened what a member wrote, and why: for that member alone.

use meguri_events::{AccessEvent, Event, Opened, SealedTextOpened};
use meguri_log::{OpenedEvent, Recorded, SectionContent};
use serde::Serialize;
use utoipa::ToSchema;

use crate::list::{List, Part};
use crate::{AnswerError, Freshness, ReadApi, Seen, Viewer, own};

/// A sealed text of an event.
#[derive(Debug, Serialize, ToSchema)]
pub struct SectionAnswer {
    /// Position of the event.
    position: u64,
    /// Which of its texts, such as `message`.
    section: String,
}

/// An access to what the member wrote.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccessAnswer {
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
    fn of(event: &Recorded, opened: Option<OpenedEvent<'_>>) -> Result<Option<Self>, AnswerError> {
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
        let decoded = decoded.map_err(|error| AnswerError::internal(&error))?;
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

impl ReadApi {
    /// A page of who opened one's own sealed texts, and why, newest first.
    pub async fn accesses(
        &self,
        viewer: &Viewer,
        part: Part,
        fresh: Freshness,
    ) -> Result<Seen<List<AccessAnswer>>, AnswerError> {
        let member = viewer.principal().require_member()?;
        let page = own::page(self, member.access_stream(), part, fresh).await?;
        let opened = self.log.open_events(&page.events).await;
        let opened = opened.map_err(|error| AnswerError::unavailable(&error))?;
        let mut items = Vec::with_capacity(page.events.len());
        for (event, opened) in page.events.iter().zip(opened) {
            let opened = opened.map_err(|error| AnswerError::unavailable(&error))?;
            items.extend(AccessAnswer::of(event, opened)?);
        }
        let next = page.next;
        Ok(Seen::at(page.head, List { items, next }))
    }
}
