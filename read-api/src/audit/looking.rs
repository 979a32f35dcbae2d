//! What a search looks for, and what it finds in the log.

use meguri_events::{ExchangeId, MemberId};
use meguri_log::{Filter, Position, Recorded, StreamName, Timestamp};
use uuid::Uuid;

use super::story::PAGE_EVENTS;
use crate::viewer::Asking;
use crate::views::View;
use crate::{AnswerError, Freshness, ReadApi, Viewer};

/// Events that are read at once.
const BLOCK_EVENTS: usize = 1_000;
/// Events that are looked at for one page; the reader goes on from there.
const LOOKED_AT_MAX: usize = 50_000;

/// What is looked for in the log, as people type it; what is empty looks for everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// A member, by id or user name.
    pub member: String,
    /// An exchange, by id.
    pub exchange: String,
    /// A type of event.
    pub event_type: String,
    /// The first day, in Japan.
    pub from: String,
    /// The last day, in Japan.
    pub to: String,
    /// Only events after this position.
    pub after: u64,
}

/// A search, understood.
pub(super) struct Looking {
    filter: Filter,
    member: Option<String>,
    after: Position,
    until: Position,
}

/// What a search has come to.
pub(super) struct Looked {
    pub(super) events: Vec<Recorded>,
    /// Everything up to here was looked at.
    pub(super) up_to: Position,
    /// Whether there is more to look at.
    pub(super) goes_on: bool,
}

impl Looking {
    /// Understands what is looked for.
    ///
    /// # Errors
    /// As of the page.
    pub(super) async fn of(
        api: &ReadApi,
        wanted: &Wanted,
        viewer: &Viewer,
    ) -> Result<Self, AnswerError> {
        let mut filter = Filter::default();
        let event_type = wanted.event_type.trim();
        if !event_type.is_empty() {
            filter = filter
                .event_type(event_type)
                .map_err(|_| unreadable("種類", "type"))?;
        }
        if let Some(exchange) = exchange(api, wanted, viewer).await? {
            let stream = StreamName::new(exchange.stream());
            filter = filter.stream(stream.map_err(|_| unreadable("交換", "exchange"))?);
        }
        let mut after = Position::new(wanted.after);
        if let Some(from) = day(&wanted.from, "00:00:00.000000")? {
            let before = Timestamp::from_micros(from.micros().saturating_sub(1));
            after = after.max(api.log.position_at(before).await?);
        }
        let until = match day(&wanted.to, "23:59:59.999999")? {
            Some(to) => api.log.position_at(to).await?,
            None => api.head().await?,
        };
        if viewer.principal().require_inquirer()? == Asking::Auditor {
            let auditor = viewer.principal().subject();
            tracing::info!(auditor, %after, %until, "the log is searched");
        }
        let member = member(api, wanted.member.trim()).await?;
        Ok(Self {
            filter,
            member: member.map(MemberId::stream),
            after,
            until,
        })
    }

    /// Whether an event is by this member, about it, or holds text of it.
    fn concerns(&self, event: &Recorded) -> bool {
        let Some(member) = &self.member else {
            return true;
        };
        let header = event.header_text().unwrap_or_default();
        event.stream() == member || header.contains(member.as_str())
    }

    /// Looks until a page is full, or enough was looked at.
    ///
    /// # Errors
    /// The log cannot be read.
    pub(super) async fn look(&self, api: &ReadApi) -> Result<Looked, AnswerError> {
        let (mut events, mut looked_at, mut up_to) = (Vec::new(), 0, self.after);
        while up_to < self.until && looked_at < LOOKED_AT_MAX {
            let block = api.log.read_all(up_to, &self.filter, BLOCK_EVENTS).await?;
            if block.up_to <= up_to {
                break;
            }
            // What a filter passes over costs the database much the same.
            let passed = block.up_to.get().saturating_sub(up_to.get());
            looked_at = looked_at.saturating_add(usize::try_from(passed).unwrap_or(usize::MAX));
            for event in block.events {
                if event.position() > self.until {
                    break;
                }
                if self.concerns(&event) {
                    up_to = event.position();
                    events.push(event);
                }
                if events.len() == PAGE_EVENTS {
                    let goes_on = up_to < self.until;
                    return Ok(Looked {
                        events,
                        up_to,
                        goes_on,
                    });
                }
            }
            up_to = block.up_to;
        }
        let goes_on = up_to < self.until;
        Ok(Looked {
            events,
            up_to,
            goes_on,
        })
    }
}

fn unreadable(ja: &'static str, en: &'static str) -> AnswerError {
    AnswerError::invalid(
        format!("「{ja}」を読み取れません"),
        format!("`{en}` cannot be read"),
    )
}

/// The exchange that is looked for, if any, and if the reader may see it.
async fn exchange(
    api: &ReadApi,
    wanted: &Wanted,
    viewer: &Viewer,
) -> Result<Option<ExchangeId>, AnswerError> {
    let text = wanted.exchange.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let id = text.strip_prefix("exchange-").unwrap_or(text);
    let id: ExchangeId = id.parse().map_err(|_| unreadable("交換", "exchange"))?;
    viewer.may_see(api, id).await?;
    Ok(Some(id))
}

/// The member that is looked for, by id or user name.
async fn member(api: &ReadApi, text: &str) -> Result<Option<MemberId>, AnswerError> {
    if text.is_empty() {
        return Ok(None);
    }
    let id = text.strip_prefix("member-").unwrap_or(text);
    if let Ok(id) = Uuid::try_parse(id) {
        return Ok(Some(MemberId::new(id)));
    }
    let seen = api
        .views(&[View::Profiles], &[], Freshness::default())
        .await?;
    Ok(Some(seen.profiles().by_user_name(text).await?.id))
}

/// A moment of a day in Japan; none where no day is given.
fn day(text: &str, time: &str) -> Result<Option<Timestamp>, AnswerError> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let at = format!("{text}T{time}+09:00").parse();
    at.map(Some).map_err(|_| unreadable("日付", "from, to"))
}
