//! Live updates as server-sent events: what happened where, never what somebody wrote.

use std::{collections::VecDeque, convert::Infallible, time::Duration};

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::response::sse::{Event, Sse};
use futures::Stream;
use meguri_events::{ExchangeId, MemberId, PostId};
use meguri_http::{
    Bearer, Client, ClientAddress, LiveToken, Member, Problem, Problems, Query, Share, Shares,
    kinds,
};
use meguri_log::{Block, Follower, Position, ReadError, Recorded};
use serde::de::IntoDeserializer as _;
use serde::de::value::StrDeserializer;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior, interval};
use utoipa::{IntoParams, ToSchema};

use crate::block::{Hidden, Reader};
use crate::{ReadApi, asker, freshness, matches};

/// Most streams of members that are open at once, and most of those without a token; one more is
/// answered 503.
pub const STREAMS_MAX: usize = 1_024;
/// Of these, those of one member.
const STREAMS_OF_MEMBER: usize = 16;
/// Of these, those of one address without a token.
const STREAMS_OF_ADDRESS: usize = 32;

/// How often a silent stream says that it is alive.
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The streams that are open. Those without a token never keep members from theirs.
#[derive(Debug)]
pub(crate) struct Streams {
    members: Shares<MemberId>,
    anonymous: Shares<ClientAddress>,
}

impl Streams {
    /// So many of each, at most.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            members: Shares::new(most, STREAMS_OF_MEMBER),
            anonymous: Shares::new(most, STREAMS_OF_ADDRESS),
        }
    }

    fn open(&self, viewer: Option<MemberId>, client: ClientAddress) -> Result<Share, Problem> {
        let open = match viewer {
            Some(viewer) => self.members.try_take(viewer, 1),
            None => self.anonymous.try_take(client.network(), 1),
        };
        open.ok_or_else(|| Problem::new(kinds::BUSY).retry_after(5))
    }
}

/// Where to begin.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct StreamQuery {
    /// Only what happened after this position. Without it, and without `Last-Event-ID`, what
    /// happens from now on.
    #[serde(default, deserialize_with = "freshness::whole")]
    #[param(minimum = 0, maximum = 9_007_199_254_740_991_u64)]
    after: Option<u64>,
    /// Wait, up to 5 seconds, until the log has reached this position.
    #[serde(default, deserialize_with = "freshness::whole")]
    #[param(minimum = 0, maximum = 9_007_199_254_740_991_u64)]
    min_position: Option<u64>,
}

/// That something happened: the `data` of one server-sent event.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Notice {
    /// Where it stands in the log; also the `id` of the server-sent event.
    position: u64,
    /// What happened, such as `NeedPosted` or `MessagePosted`.
    #[serde(rename = "type")]
    event_type: String,
    /// In which stream: `need-…`, `offer-…`, `exchange-…` or `match-…`.
    stream: String,
}

/// With what a browser takes up a stream that broke off.
#[derive(Debug, Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Header)]
pub(crate) struct Resume {
    /// The last `id` that was received; wins over `after`.
    #[serde(default, deserialize_with = "freshness::whole")]
    #[param(
        rename = "last-event-id",
        minimum = 0,
        maximum = 9_007_199_254_740_991_u64
    )]
    last_event_id: Option<u64>,
}

impl<S: Sync> FromRequestParts<S> for Resume {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let value = parts.headers.get("last-event-id");
        let text = value.map(|value| value.to_str().unwrap_or("?").trim());
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            return Ok(Self {
                last_event_id: None,
            });
        };
        let text: StrDeserializer<'_, serde::de::value::Error> = text.into_deserializer();
        let last_event_id = freshness::whole(text).map_err(|error| {
            Problem::new(kinds::BAD_REQUEST).detail(
                "Last-Event-ID は最後に受け取った id をそのまま送ってください",
                format!("Last-Event-ID cannot be read: {error}"),
            )
        })?;
        Ok(Self { last_event_id })
    }
}

/// Follows what happens, by server-sent events.
///
/// Server-sent events: `id` is the position, `event` is `board`, `exchange` or `match`, `data` a
/// JSON object `{position, type, stream}`. Everyone sees changes of the public board; a member also
/// sees what happens in the exchanges they are party to and that they were told of a post that fits
/// theirs (`/api/me/matches`), and nothing of posts of those whom they block, or who block them
/// (C12). Nothing that anyone typed is ever part of it.
///
/// A stream that broke off is resumed by `Last-Event-ID`, which wins over `after`. Now and then an
/// `id` without data tells how far the stream has looked. The stream ends when the server stops,
/// and as soon as the access token is revoked or expires.
#[utoipa::path(
    get, path = "/stream", tag = "status", operation_id = "follow_stream",
    extensions(("x-summary-ja" = json!("起きたことをその場で受け取る"))),
    security((), ("bearer" = [])),
    params(StreamQuery, Resume),
    responses(
        (status = 200, description = "Events, until the client goes away",
            content_type = "text/event-stream", body = Notice),
        (status = 401, description = "An access token that is unknown, revoked or expired",
            content_type = "application/problem+json", body = meguri_http::ProblemBody),
        (status = 403, description = "The token is not a member's",
            content_type = "application/problem+json", body = meguri_http::ProblemBody),
        Problems,
    )
)]
pub(crate) async fn follow_stream(
    State(api): State<ReadApi>,
    member: Option<Member>,
    Client(client): Client,
    bearer: Option<Bearer>,
    resume: Resume,
    Query(query): Query<StreamQuery>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>> + use<>>, Problem> {
    let viewer = member.as_ref().map(asker::id_of).transpose()?;
    let open = api.streams.open(viewer, client)?;
    let hidden = api
        .hidden_from(Reader::of(viewer), query.min_position)
        .await?;
    let head = api.log_at_least(query.min_position).await?;
    let after = resume
        .last_event_id
        .or(query.after)
        .map_or(head, Position::new);
    // A position that nobody has handed out yet, such as one of a log before its restore.
    let after = after.min(head);
    let mut ticks = interval(api.keep_alive);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.reset();
    let watch = Watch {
        heads: api.log.watch_head(),
        follower: api.log.follow(after),
        seen: after,
        pending: VecDeque::new(),
        viewer,
        hidden,
        token: bearer.map(|bearer| api.tokens.watch(&bearer)),
        ticks,
        api,
        _open: open,
    };
    Ok(Sse::new(futures::stream::unfold(watch, Watch::next)))
}

/// One open stream. Holds one block of the log at a time.
struct Watch {
    api: ReadApi,
    heads: watch::Receiver<Position>,
    follower: Follower,
    /// Everything up to here has been looked at.
    seen: Position,
    pending: VecDeque<Event>,
    viewer: Option<MemberId>,
    /// Whose posts this viewer does not see.
    hidden: Hidden,
    token: Option<LiveToken>,
    ticks: Interval,
    _open: Share,
}

/// The next events. Waits for the head that the views of this process keep up to date, and not by
/// the follower alone: a thousand silent streams would ask the database a thousand times a second.
async fn next_block(
    heads: &mut watch::Receiver<Position>,
    follower: &mut Follower,
) -> Result<Block, ReadError> {
    let at = follower.position();
    if heads.wait_for(|head| *head > at).await.is_err() {
        return Err(ReadError::Closed);
    }
    follower.next().await
}

/// Returns when the token with which the stream was opened has ended; never without one.
async fn ended(token: &mut Option<LiveToken>) {
    match token {
        Some(token) => token.ended().await,
        None => std::future::pending().await,
    }
}

impl Watch {
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        let shutdown = self.api.shutdown.clone();
        while !shutdown.is_cancelled() && !self.token.as_ref().is_some_and(LiveToken::has_ended) {
            if let Some(event) = self.pending.pop_front() {
                return Some((Ok(event), self));
            }
            // The token comes before the log: a busy log does not keep a revoked one alive.
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return None,
                () = ended(&mut self.token) => return None,
                _ = self.ticks.tick() => {
                    let alive = Event::default().comment("alive").id(self.seen.to_string());
                    self.pending.push_back(alive);
                }
                block = next_block(&mut self.heads, &mut self.follower) => self.take(block).await?,
            }
        }
        None
    }

    /// Keeps what this viewer may know of a block; nothing where the stream has to end. Its reader
    /// resumes it then, and misses nothing.
    async fn take(&mut self, block: Result<Block, ReadError>) -> Option<()> {
        let block = block
            .map_err(|error| tracing::warn!(%error, "a stream ends"))
            .ok()?;
        for event in &block.events {
            self.hear_of_block(event).await.ok()?;
            let notice = self.notice(event).await.ok()?;
            self.pending.extend(notice);
        }
        self.seen = block.up_to;
        Some(())
    }

    /// Looks anew whom this viewer does not see, where an event may have changed that.
    ///
    /// # Errors
    /// The blocks cannot be read; the stream ends rather than to show somebody who is hidden.
    async fn hear_of_block(&mut self, event: &Recorded) -> Result<(), Problem> {
        if let Some(viewer) = self.viewer
            && viewer.is_of_block_stream(event.stream())
        {
            let (reader, position) = (Reader::of(self.viewer), event.position().get());
            self.hidden = self.api.hidden_from(reader, Some(position)).await?;
        }
        Ok(())
    }

    /// Whether a post is of somebody whom this viewer does not see. Only authors act on posts, or
    /// a policy for them.
    fn is_hidden(&self, event: &Recorded) -> bool {
        let Some(Ok(header)) = event.header() else {
            return false;
        };
        let author = header.acting_for.unwrap_or(header.actor);
        MemberId::from_stream(author).is_some_and(|author| self.hidden.has(author))
    }

    /// Whether the viewer is told of a new post that fits theirs, of somebody whom they see.
    fn is_told(&self, event: &Recorded) -> Result<bool, Problem> {
        let own = |viewer: MemberId| viewer.match_stream() == event.stream();
        if event.event_type() != matches::TOLD || !self.viewer.is_some_and(own) {
            return Ok(false);
        }
        let told = matches::told_by(event)?;
        Ok(told.is_some_and(|(told, _)| !self.hidden.has(told.author)))
    }

    /// What this viewer may know of an event; nothing for most.
    ///
    /// # Errors
    /// The log could not be asked who is party; the stream ends rather than to leave one out.
    async fn notice(&self, event: &Recorded) -> Result<Option<Event>, Problem> {
        let stream = event.stream();
        let kind = if PostId::from_stream(stream).is_some() {
            if self.is_hidden(event) {
                return Ok(None);
            }
            "board"
        } else if let (Some(viewer), Some(exchange)) =
            (self.viewer, ExchangeId::from_stream(stream))
            && self
                .api
                .parties
                .of(&self.api.log, exchange)
                .await?
                .includes(viewer)
        {
            "exchange"
        } else if self.is_told(event)? {
            "match"
        } else {
            return Ok(None);
        };
        let position = event.position();
        let notice = Notice {
            position: position.get(),
            event_type: event.event_type().to_owned(),
            stream: stream.to_owned(),
        };
        let text = serde_json::to_string(&notice);
        let text = text.expect("INVARIANT: texts and numbers can be written as JSON");
        Ok(Some(
            Event::default()
                .id(position.to_string())
                .event(kind)
                .data(text),
        ))
    }
}
