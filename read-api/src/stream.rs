//! What happens, as it happens: what happened where, never what somebody wrote.

use std::{collections::VecDeque, time::Duration};

use futures::Stream;
use meguri_events::{ExchangeId, MemberId, PostId};
use meguri_log::{Block, Follower, HeadWatch, Position, ReadError, Recorded};
use serde::Serialize;
use tokio::time::{Interval, MissedTickBehavior, interval};
use utoipa::ToSchema;

use crate::{AnswerError, Freshness, ReadApi, Viewer, matches};

/// That something happened: the `data` of one server-sent event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Notice {
    /// Where it stands in the log; also the `id` of the server-sent event.
    pub position: u64,
    /// What happened, such as `NeedPosted` or `MessagePosted`.
    #[serde(rename = "type")]
    event_type: String,
    /// In which stream: `need-…`, `offer-…`, `exchange-…` or `match-…`.
    stream: String,
}

/// What a viewer is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Live {
    /// Something happened: on the `board`, in an `exchange`, or a `match` was found.
    Happened(&'static str, Notice),
    /// Nothing for this viewer up to this position.
    Alive(Position),
}

impl ReadApi {
    /// What happens after a position, or from now on: changes of the board, the exchanges that the
    /// viewer is party to, posts that fit theirs; nothing of posts of members who are hidden (C12).
    /// Ends where the log cannot be read any more; whoever goes on from the last position misses
    /// nothing. A silent stream says so often that it is alive.
    pub async fn follow(
        &self,
        viewer: Viewer,
        after: Option<u64>,
        fresh: Freshness,
        keep_alive: Duration,
    ) -> Result<impl Stream<Item = Live> + Send + 'static + use<>, AnswerError> {
        viewer.hidden(self, fresh).await?;
        let head = self.log_at_least(fresh.min_position).await?;
        // A position that nobody has handed out yet, such as one of a log before its restore.
        let after = after.map_or(head, Position::new).min(head);
        let mut ticks = interval(keep_alive);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.reset();
        let watch = Watch {
            heads: self.log.watch_head(),
            follower: self.log.follow(after),
            seen: after,
            pending: VecDeque::new(),
            viewer,
            ticks,
            api: self.clone(),
        };
        Ok(futures::stream::unfold(watch, Watch::next))
    }
}

/// One open stream. Holds one block of the log at a time.
struct Watch {
    api: ReadApi,
    heads: HeadWatch,
    follower: Follower,
    /// Everything up to here has been looked at.
    seen: Position,
    pending: VecDeque<Live>,
    viewer: Viewer,
    ticks: Interval,
}

/// The next events. Waits for the head that the views of this process keep up to date, and not by
/// the follower alone: a thousand silent streams would ask the database a thousand times a second.
async fn next_block(heads: &mut HeadWatch, follower: &mut Follower) -> Result<Block, ReadError> {
    let next = follower.position().next();
    if heads.reaches(next).await.is_err() {
        return Err(ReadError::Closed);
    }
    follower.next().await
}

impl Watch {
    async fn next(mut self) -> Option<(Live, Self)> {
        loop {
            if let Some(live) = self.pending.pop_front() {
                return Some((live, self));
            }
            tokio::select! {
                biased;
                _ = self.ticks.tick() => self.pending.push_back(Live::Alive(self.seen)),
                block = next_block(&mut self.heads, &mut self.follower) => self.take(block).await?,
            }
        }
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
    async fn hear_of_block(&mut self, event: &Recorded) -> Result<(), AnswerError> {
        let viewer = self.viewer.principal().clone();
        if let Some(member) = viewer.member()
            && member.is_of_block_stream(event.stream())
        {
            self.viewer = viewer.into();
            let at_least = Freshness::at_least(Some(event.position().get()));
            self.viewer.hidden(&self.api, at_least).await?;
        }
        Ok(())
    }

    /// Whether a post is of somebody whom this viewer does not see. Only authors act on posts, or
    /// a policy for them.
    async fn is_hidden(&self, event: &Recorded) -> Result<bool, AnswerError> {
        let Some(Ok(header)) = event.header() else {
            return Ok(false);
        };
        let author = header.acting_for.unwrap_or(header.actor);
        let hidden = self.hidden().await?;
        Ok(MemberId::from_stream(author).is_some_and(|author| hidden.contains(&author)))
    }

    /// Whom this viewer does not see.
    async fn hidden(&self) -> Result<&[MemberId], AnswerError> {
        self.viewer.hidden(&self.api, Freshness::default()).await
    }

    /// Whether the viewer is told of a new post that fits theirs, of somebody whom they see.
    async fn is_told(&self, event: &Recorded) -> Result<bool, AnswerError> {
        let own = |viewer: MemberId| viewer.match_stream() == event.stream();
        let member = self.viewer.principal().member();
        if event.event_type() != matches::TOLD || !member.is_some_and(own) {
            return Ok(false);
        }
        let hidden = self.hidden().await?;
        let told = matches::told_by(event)?;
        Ok(told.is_some_and(|(told, _)| !hidden.contains(&told.author)))
    }

    /// What this viewer may know of an event; nothing for most.
    ///
    /// # Errors
    /// The log could not be asked who is party; the stream ends rather than to leave one out.
    async fn notice(&self, event: &Recorded) -> Result<Option<Live>, AnswerError> {
        let stream = event.stream();
        let member = self.viewer.principal().member();
        let kind = if PostId::from_stream(stream).is_some() {
            if self.is_hidden(event).await? {
                return Ok(None);
            }
            "board"
        } else if let (Some(_), Some(exchange)) = (member, ExchangeId::from_stream(stream))
            && self.is_party(exchange).await?
        {
            "exchange"
        } else if self.is_told(event).await? {
            "match"
        } else {
            return Ok(None);
        };
        let notice = Notice {
            position: event.position().get(),
            event_type: event.event_type().to_owned(),
            stream: stream.to_owned(),
        };
        Ok(Some(Live::Happened(kind, notice)))
    }

    async fn is_party(&self, exchange: ExchangeId) -> Result<bool, AnswerError> {
        match self.viewer.may_see(&self.api, exchange).await {
            Ok(()) => Ok(true),
            Err(AnswerError::NotFound(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
