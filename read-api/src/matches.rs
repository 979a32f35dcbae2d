//! New posts that a member was told of, because they fit posts of their own.

use axum::extract::State;
use meguri_events::{Event, MatchEvent, PostId, PostMatched};
use meguri_http::{Member, Problem, Problems, Query, kinds};
use meguri_log::Recorded;
use meguri_views::posts::PostKind;
use serde::Serialize;
use utoipa::ToSchema;

use crate::block::Reader;
use crate::freshness::Seen;
use crate::list::List;
use crate::own::{self, OwnQuery};
use crate::{ReadApi, asker, codes};

/// The type of the event that says that somebody was told.
pub(crate) const TOLD: &str = "PostMatched";

/// A post, by its id.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PostRef {
    /// The post's id.
    #[schema(format = Uuid)]
    id: String,
    /// `need` or `offer`.
    #[schema(schema_with = codes::kind)]
    kind: &'static str,
}

impl PostRef {
    fn of(post: PostId) -> Self {
        Self {
            id: post.uuid().to_string(),
            kind: PostKind::of(post).code(),
        }
    }
}

/// A new post that the member was told of.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ToldOf {
    /// Where that stands in the log.
    position: u64,
    /// When, RFC 3339.
    #[schema(format = DateTime)]
    at: String,
    /// The new post.
    post: PostRef,
    /// The member's own posts that it fitted then, the best first.
    fits: Vec<PostRef>,
}

/// What an event of such a stream says; none where it was redacted.
///
/// # Errors
/// 500 where it says something else.
pub(crate) fn told_by(event: &Recorded) -> Result<Option<(PostMatched, String)>, Problem> {
    let broken = |error: String| {
        tracing::error!(error, position = %event.position(), "a match cannot be read");
        Problem::new(kinds::INTERNAL)
    };
    let Some(header) = event.header() else {
        return Ok(None);
    };
    let header = header.map_err(|error| broken(error.to_string()))?;
    let told = Event::decode(header.event_type, header.schema, header.data, &[]);
    let told = told.map_err(|error| broken(error.to_string()))?;
    let Event::Match(MatchEvent::PostMatched(told)) = told else {
        // It says that an event of the stream was redacted.
        return Ok(None);
    };
    Ok(Some((told, header.at.to_string())))
}

/// Reads which new posts one was told of because they fit one's own, newest first.
///
/// Where the server is set to tell (`tell_of_matches`), it tells the authors of open posts of each
/// new post on the other side that fits: by two at least of text, category and area, in a mode that
/// both allow. `/api/stream` says it at once. What is by somebody whom the member blocks, or who
/// blocks them, is left out (C12), so a page may hold less than it could.
#[utoipa::path(
    get, path = "/me/matches", tag = "members", operation_id = "read_own_matches",
    extensions(("x-summary-ja" = json!("自分の投稿に合う新しい投稿の知らせを見る"))),
    security(("bearer" = [])),
    params(OwnQuery),
    responses(
        (status = 200, description = "A page of new posts", body = List<ToldOf>,
            headers(("meguri-position" = u64, description = "Position the answer has seen"))),
        (status = 401, description = "No access token, or one that is unknown, revoked or expired",
            content_type = "application/problem+json", body = meguri_http::ProblemBody),
        (status = 403, description = "The token is not a member's",
            content_type = "application/problem+json", body = meguri_http::ProblemBody),
        Problems,
    )
)]
pub(crate) async fn read_own_matches(
    State(api): State<ReadApi>,
    member: Member,
    Query(query): Query<OwnQuery>,
) -> Result<Seen<List<ToldOf>>, Problem> {
    let member = asker::id_of(&member)?;
    let hidden = api.hidden_from(Reader::of(Some(member)), query.min_position);
    let hidden = hidden.await?;
    let page = own::page(&api, member.match_stream(), &query).await?;
    let mut items = Vec::with_capacity(page.events.len());
    for event in &page.events {
        let Some((told, at)) = told_by(event)? else {
            continue;
        };
        if hidden.has(told.author) {
            continue;
        }
        items.push(ToldOf {
            position: event.position().get(),
            at,
            post: PostRef::of(told.post),
            fits: told.fits.into_iter().map(PostRef::of).collect(),
        });
    }
    let next = page.next;
    Ok(Seen::at(page.head, List { items, next }))
}
