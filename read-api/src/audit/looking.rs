//! What a search looks for, and what it finds in the log.

use meguri_events::{ExchangeId, MemberId};
use meguri_http::{Problem, kinds};
use meguri_log::{Filter, Position, Recorded, StreamName, Timestamp};
use meguri_views::history::Asking;
use uuid::Uuid;

use super::search::Wanted;
use super::story::PAGE_EVENTS;
use crate::ReadApi;
use crate::asker::Inquirer;
use crate::views::{View, log_unavailable, refusal};

/// Events that are read at once.
const BLOCK_EVENTS: usize = 1_000;
/// Events that are looked at for one page; the reader goes on from there.
const LOOKED_AT_MAX: usize = 50_000;

/// A search, understood.
pub(super) struct Looking {
    filter: Filter,
    member: Option<String>,
    after: Position,
    until: Position,
}

/// What a search has come to.
pub(super) struct Found {
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
        inquirer: &Inquirer,
    ) -> Result<Self, Problem> {
        let mut filter = Filter::default();
        let event_type = wanted.event_type.trim();
        if !event_type.is_empty() {
            filter = filter
                .event_type(event_type)
                .map_err(|_| unreadable("種類", "type"))?;
        }
        if let Some(exchange) = exchange(api, wanted, inquirer).await? {
            let stream = StreamName::new(exchange.stream());
            filter = filter.stream(stream.map_err(|_| unreadable("交換", "exchange"))?);
        }
        let mut after = Position::new(wanted.after);
        if let Some(from) = day(&wanted.from, "00:00:00.000000")? {
            let before = Timestamp::from_micros(from.micros().saturating_sub(1));
            after = after.max(api.position_at(before).await?);
        }
        let until = match day(&wanted.to, "23:59:59.999999")? {
            Some(to) => api.position_at(to).await?,
            None => api.head().await?,
        };
        if inquirer.asking == Asking::Auditor {
            tracing::info!(auditor = inquirer.subject, %after, %until, "the log is searched");
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
    /// 503 where the log cannot be read.
    pub(super) async fn look(&self, api: &ReadApi) -> Result<Found, Problem> {
        let (mut events, mut looked_at, mut up_to) = (Vec::new(), 0, self.after);
        while up_to < self.until && looked_at < LOOKED_AT_MAX {
            let block = api.log.read_all(up_to, &self.filter, BLOCK_EVENTS).await;
            let block = block.map_err(|error| log_unavailable(&error))?;
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
                    return Ok(Found {
                        events,
                        up_to,
                        goes_on,
                    });
                }
            }
            up_to = block.up_to;
        }
        let goes_on = up_to < self.until;
        Ok(Found {
            events,
            up_to,
            goes_on,
        })
    }
}

impl ReadApi {
    async fn position_at(&self, at: Timestamp) -> Result<Position, Problem> {
        let position = self.log.position_at(at).await;
        position.map_err(|error| log_unavailable(&error))
    }
}

fn unreadable(ja: &'static str, en: &'static str) -> Problem {
    Problem::new(kinds::BAD_REQUEST).detail(
        format!("「{ja}」を読み取れません"),
        format!("`{en}` cannot be read"),
    )
}

/// The exchange that is looked for, if any, and if the reader may see it.
async fn exchange(
    api: &ReadApi,
    wanted: &Wanted,
    inquirer: &Inquirer,
) -> Result<Option<ExchangeId>, Problem> {
    let text = wanted.exchange.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let id = text.strip_prefix("exchange-").unwrap_or(text);
    let id: ExchangeId = id.parse().map_err(|_| unreadable("交換", "exchange"))?;
    if let Asking::Member(member) = inquirer.asking
        && !api.parties.of(&api.log, id).await?.includes(member)
    {
        return Err(Problem::new(kinds::NOT_FOUND));
    }
    Ok(Some(id))
}

/// The member that is looked for, by id or user name.
async fn member(api: &ReadApi, text: &str) -> Result<Option<MemberId>, Problem> {
    if text.is_empty() {
        return Ok(None);
    }
    let id = text.strip_prefix("member-").unwrap_or(text);
    if let Ok(id) = Uuid::try_parse(id) {
        return Ok(Some(MemberId::new(id)));
    }
    let seen = api.views(&[View::Profiles], &[], None, None).await?;
    let profile = seen.profiles().by_user_name(text).await.map_err(refusal)?;
    Ok(Some(profile.id))
}

/// A moment of a day in Japan; none where no day is given.
fn day(text: &str, time: &str) -> Result<Option<Timestamp>, Problem> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let at = format!("{text}T{time}+09:00").parse();
    at.map(Some).map_err(|_| unreadable("日付", "from, to"))
}
