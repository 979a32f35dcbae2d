//! Live updates as server-sent events.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::response::sse::{Event, Sse};
use futures::{Stream, StreamExt as _};
use meguri_events::MemberId;
use meguri_http::{
    Bearer, Client, ClientAddress, LiveToken, Member, Problem, PublicProblems, Query, Share,
    Shares, kinds,
};
use meguri_read_api::stream::{Live, Notice};
use meguri_read_api::{Freshness, Principal};
use serde::Deserialize;
use serde::de::IntoDeserializer as _;
use serde::de::value::StrDeserializer;
use utoipa::IntoParams;

use crate::{Reading, query};

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
#[into_params(parameter_in = Query)]
pub(crate) struct StreamQuery {
    /// Only what happened after this position. Without it, and without `Last-Event-ID`, what
    /// happens from now on.
    #[serde(default, deserialize_with = "query::whole")]
    #[param(minimum = 0, maximum = 9_007_199_254_740_991_u64)]
    after: Option<u64>,
    /// Wait, up to 5 seconds, until the log has reached this position.
    #[serde(default, deserialize_with = "query::whole")]
    #[param(minimum = 0, maximum = 9_007_199_254_740_991_u64)]
    min_position: Option<u64>,
}

/// With what a browser takes up a stream that broke off.
#[derive(Debug, Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Header)]
pub(crate) struct Resume {
    /// The last `id` that was received; wins over `after`.
    #[serde(default, deserialize_with = "query::whole")]
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
        let last_event_id = query::whole(text).map_err(|error| {
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
        (status = 403, description = "The token is not a member's",
            content_type = "application/problem+json", body = meguri_http::ProblemBody),
        PublicProblems,
    )
)]
pub(crate) async fn follow_stream(
    State(reading): State<Reading>,
    member: Option<Member>,
    Client(client): Client,
    bearer: Option<Bearer>,
    resume: Resume,
    Query(query): Query<StreamQuery>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>> + use<>>, Problem> {
    let Reading {
        read,
        tokens,
        streaming,
        ..
    } = reading;
    let open = streaming.streams.open(member.map(|who| who.0), client)?;
    let viewer = member.map_or(Principal::Anonymous, |who| Principal::Member(who.0));
    let after = resume.last_event_id.or(query.after);
    let fresh = Freshness::at_least(query.min_position);
    let told = read.follow(viewer.into(), after, fresh, streaming.keep_alive);
    let told = told.await?.map(move |live| {
        // Held as long as the stream is.
        let _ = &open;
        Ok(written(&live))
    });
    let token = bearer.map(|bearer| tokens.watch(&bearer));
    // The token comes before the log: a busy log does not keep a revoked one alive.
    let over = async move {
        tokio::select! {
            () = streaming.shutdown.cancelled_owned() => (),
            () = ended(token) => (),
        }
    };
    Ok(Sse::new(told.take_until(Box::pin(over))))
}

fn written(live: &Live) -> Event {
    match live {
        Live::Happened(kind, notice) => {
            let text = serde_json::to_string(notice);
            let text = text.expect("INVARIANT: texts and numbers can be written as JSON");
            let id = notice.position.to_string();
            Event::default().id(id).event(*kind).data(text)
        }
        Live::Alive(seen) => Event::default().comment("alive").id(seen.to_string()),
    }
}

/// Returns when the token with which the stream was opened has ended; never without one.
async fn ended(token: Option<LiveToken>) {
    match token {
        Some(mut token) => token.ended().await,
        None => std::future::pending().await,
    }
}
