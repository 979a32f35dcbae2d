//! What fits a post, Offers for a Need and Needs for an Offer; and new posts that a member was told
//! of because they fit posts of their own.

use meguri_events::{Event, MatchEvent, MemberId, PostId, PostMatched};
use meguri_log::{Position, Recorded};
use meguri_views::posts::PostKind;
use meguri_views::search::PostMatch;
use serde::Serialize;
use utoipa::ToSchema;

use crate::list::{List, Part};
use crate::names::Names;
use crate::post::PostAnswer;
use crate::views::View;
use crate::{AnswerError, Freshness, ReadApi, Seen, Viewer, codes, own};

/// The type of the event that says that somebody was told.
pub(crate) const TOLD: &str = "PostMatched";

/// A post, by its id.
#[derive(Debug, Serialize, ToSchema)]
pub struct PostRef {
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
pub struct ToldOf {
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
/// It says something else.
pub(crate) fn told_by(event: &Recorded) -> Result<Option<(PostMatched, String)>, AnswerError> {
    let Some(header) = event.header() else {
        return Ok(None);
    };
    let header = header.map_err(|error| AnswerError::internal(&error))?;
    let told = Event::decode(header.event_type, header.schema, header.data, &[]);
    let told = told.map_err(|error| AnswerError::internal(&error))?;
    let Event::Match(MatchEvent::PostMatched(told)) = told else {
        // It says that an event of the stream was redacted.
        return Ok(None);
    };
    Ok(Some((told, header.at.to_string())))
}

/// Posts that fit, the best first.
#[derive(Debug, Serialize, ToSchema)]
pub struct Matches {
    /// The posts.
    items: Vec<MatchAnswer>,
}

/// A post that fits, and by what.
#[derive(Debug, Serialize, ToSchema)]
pub struct MatchAnswer {
    /// The post.
    post: PostAnswer,
    /// The texts have words in common, in whatever writing.
    by_text: bool,
    /// Both are about the same kind of help.
    by_category: bool,
    /// Both are in the same prefecture.
    by_area: bool,
}

impl MatchAnswer {
    fn of(found: PostMatch, names: &Names) -> Self {
        Self {
            by_text: found.by_text,
            by_category: found.by_category,
            by_area: found.by_area,
            post: PostAnswer::of(found.post, names),
        }
    }
}

/// A post that fits, as whoever tells members of it needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fitting {
    /// The post.
    pub post: PostId,
    /// Who wrote it.
    pub author: MemberId,
    /// Where in the log it was posted.
    pub posted: Position,
}

impl ReadApi {
    /// Posts that fit a post, the best first, never the author's own, and without those of members
    /// who are hidden (C12).
    pub async fn matches(
        &self,
        viewer: &Viewer,
        id: PostId,
        limit: u32,
        fresh: Freshness,
    ) -> Result<Seen<Matches>, AnswerError> {
        let names = [View::Profiles];
        let (position, found) = self.fitting_posts(viewer, id, limit, fresh, &names).await?;
        let names = Names::of(self, found.iter().map(|found| found.post.author)).await?;
        let items = found.into_iter();
        let items = items.map(|found| MatchAnswer::of(found, &names)).collect();
        Ok(Seen::at(position, Matches { items }))
    }

    /// The same in short; nothing where the post is gone again.
    pub async fn fitting(
        &self,
        viewer: &Viewer,
        id: PostId,
        limit: u32,
        fresh: Freshness,
    ) -> Result<Vec<Fitting>, AnswerError> {
        let found = match self.fitting_posts(viewer, id, limit, fresh, &[]).await {
            Err(AnswerError::NotFound(_)) => return Ok(Vec::new()),
            found => found?.1.into_iter(),
        };
        let in_short = found.map(|found| Fitting {
            post: found.post.id,
            author: found.post.author,
            posted: found.post.posted,
        });
        Ok(in_short.collect())
    }

    async fn fitting_posts(
        &self,
        viewer: &Viewer,
        id: PostId,
        limit: u32,
        fresh: Freshness,
        today: &[View],
    ) -> Result<(Position, Vec<PostMatch>), AnswerError> {
        let hidden = viewer.hidden(self, fresh).await?;
        let seen = self.views(&[View::Search], today, fresh).await?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let found = seen.search().matches(id, hidden, limit).await?;
        Ok((seen.position(), found))
    }

    /// A page of the new posts that one was told of, newest first. What is by members who are
    /// hidden is left out (C12), so a page may hold less than it could.
    pub async fn told_of(
        &self,
        viewer: &Viewer,
        part: Part,
        fresh: Freshness,
    ) -> Result<Seen<List<ToldOf>>, AnswerError> {
        let member = viewer.principal().require_member()?;
        let hidden = viewer.hidden(self, fresh).await?;
        let page = own::page(self, member.match_stream(), part, fresh).await?;
        let mut items = Vec::with_capacity(page.events.len());
        for event in &page.events {
            let Some((told, at)) = told_by(event)? else {
                continue;
            };
            if hidden.contains(&told.author) {
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
}
