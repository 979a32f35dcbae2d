//! Tells members of new posts that fit theirs: what fits is found by search, what may be told is
//! decided by a command.
//!
//! Nothing is noted of how far it came. A server that starts looks again at the posts of the last
//! day; each command carries a key made from the event of the post, so nobody is told twice.

use std::time::Duration;

use meguri_commands::{CommandError, Commands, policies::Trigger};
use meguri_events::{MemberId, PostId};
use meguri_log::{BadFilter, Filter, HeaderError, Position, ReadError, Recorded, Timestamp};
use meguri_read_api::matches::Fitting;
use meguri_read_api::{AnswerError, Freshness, Principal, ReadApi, Viewer};
use tokio_util::sync::CancellationToken;

/// How far back a server that starts looks for posts of which nobody was told.
const LOOK_BACK: Duration = Duration::from_hours(24);
/// Most posts that fit a new one whose authors are told of it.
const MATCHES_MAX: u32 = 20;
const POSTS_AT_ONCE: usize = 100;
/// The least time between two looks: nobody is told in a hurry.
const REST: Duration = Duration::from_millis(50);
/// After a failure one waits so long, and tries again.
const PAUSE: Duration = Duration::from_secs(1);
const POSTED: [&str; 2] = ["NeedPosted", "OfferPosted"];

/// Why nobody can be told just now. All of it is tried again.
#[derive(Debug, thiserror::Error)]
enum MatchesError {
    #[error(transparent)]
    Log(#[from] ReadError),
    #[error(transparent)]
    Header(#[from] HeaderError),
    #[error(transparent)]
    Filter(#[from] BadFilter),
    #[error(transparent)]
    Answer(#[from] AnswerError),
    #[error(transparent)]
    Command(#[from] CommandError),
}

/// Follows new posts and tells whom they fit, until it is told to stop.
pub(crate) async fn tell(commands: Commands, read: ReadApi, stop: CancellationToken) {
    let mut telling = Telling {
        commands,
        read,
        after: None,
    };
    let mut head = telling.commands.log().watch_head();
    let mut fails = false;
    while !stop.is_cancelled() {
        let looked = stop.run_until_cancelled(telling.step());
        let may_wait = match looked.await {
            None | Some(Err(MatchesError::Log(ReadError::Closed))) => return,
            Some(Ok(more)) => {
                fails = false;
                !more
            }
            Some(Err(error)) => {
                // Once is enough: a view that stopped may stand for days.
                if !fails {
                    tracing::warn!(%error, "members are told of new posts later");
                }
                fails = true;
                false
            }
        };
        let rest = if fails { PAUSE } else { REST };
        let moved = async {
            tokio::time::sleep(rest).await;
            if may_wait { head.moved().await } else { Ok(()) }
        };
        let Some(Ok(())) = stop.run_until_cancelled(moved).await else {
            return;
        };
    }
}

struct Telling {
    commands: Commands,
    read: ReadApi,
    /// Everybody was told of the posts up to here; none where it has not begun.
    after: Option<Position>,
}

impl Telling {
    /// Tells of the next posts. Answers whether there may be more.
    async fn step(&mut self) -> Result<bool, MatchesError> {
        let log = self.commands.log();
        let after = match self.after {
            Some(after) => after,
            None => log.position_at(a_day_before(log.clock().now())).await?,
        };
        self.after = Some(after);
        let filter = POSTED
            .iter()
            .try_fold(Filter::default(), |filter, posted| {
                filter.event_type(posted)
            })?;
        let block = log.read_all(after, &filter, POSTS_AT_ONCE).await?;
        for posted in &block.events {
            self.tell_of(posted).await?;
            self.after = Some(posted.position());
        }
        self.after = Some(block.up_to);
        Ok(block.up_to > after)
    }

    /// Tells of one new post.
    async fn tell_of(&self, posted: &Recorded) -> Result<(), MatchesError> {
        let Some(post) = PostId::from_stream(posted.stream()) else {
            return Ok(());
        };
        // What was redacted fits nothing any more.
        let Some(header) = posted.header().transpose()? else {
            return Ok(());
        };
        let trigger = Trigger {
            position: posted.position(),
            event: header.id,
            correlation: header.correlation,
        };
        let author = header.acting_for.unwrap_or(header.actor);
        let found = self.found(post, author, posted.position()).await?;
        for (member, fits) in by_author(&found) {
            let told = self
                .commands
                .tell_of_match(&trigger, post, member, &fits)
                .await;
            match told {
                Ok(_) => {}
                Err(error) if error.may_pass() => return Err(error.into()),
                // It would fail for ever, and keep everybody else from being told.
                Err(error) => tracing::warn!(%error, %post, %member, "is not told of a match"),
            }
        }
        Ok(())
    }

    /// What fits a new post, the best first, of what was there before it: the author of what came
    /// later has seen it already.
    async fn found(
        &self,
        post: PostId,
        author: &str,
        position: Position,
    ) -> Result<Vec<Fitting>, MatchesError> {
        let author = MemberId::from_stream(author);
        let viewer = Viewer::from(author.map_or(Principal::Anonymous, Principal::Member));
        let seen = Freshness::at_least(Some(position.get()));
        let found = self.read.fitting(&viewer, post, MATCHES_MAX, seen).await?;
        let before = found.into_iter().filter(|it| it.posted < position);
        Ok(before.collect())
    }
}

fn a_day_before(now: Timestamp) -> Timestamp {
    let back = i64::try_from(LOOK_BACK.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(now.micros().saturating_sub(back))
}

/// The authors of what was found, in the order in which it was found.
fn by_author(found: &[Fitting]) -> Vec<(MemberId, Vec<PostId>)> {
    let mut authors: Vec<(MemberId, Vec<PostId>)> = Vec::new();
    for fitting in found {
        match authors
            .iter_mut()
            .find(|(author, _)| *author == fitting.author)
        {
            Some((_, posts)) => posts.push(fitting.post),
            None => authors.push((fitting.author, vec![fitting.post])),
        }
    }
    authors
}
