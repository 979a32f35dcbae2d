//! One thing that a policy has to do, and the command that does it.

use meguri_events::{ExchangeId, MemberId, PostId};
use meguri_log::{Position, RequestKey};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::book::Book;
use crate::caller::Led;
use crate::{Caller, CommandError, Commands};

/// The event that a policy reacts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trigger {
    /// Where it stands.
    pub position: Position,
    /// Its id.
    pub event: Uuid,
    /// The first command of the chain that led to it.
    pub correlation: Option<Uuid>,
}

impl Trigger {
    /// The key of a command that follows: the same whoever gives it, however often. It never
    /// expires.
    fn key(&self, policy: &str, action: &str, target: &str) -> RequestKey {
        let position = self.position;
        let text = format!("policy\n{policy}\n{position}\n{action}\n{target}");
        let key: [u8; 32] = Sha256::digest(text).into();
        RequestKey {
            key,
            request: key,
            expires: false,
        }
    }

    /// Who gives a command that follows, for this member.
    pub(crate) fn caller(
        &self,
        policy: &str,
        member: MemberId,
        action: &str,
        target: &str,
    ) -> Caller {
        let led_by = Led {
            correlation: self.correlation,
            causation: self.event,
        };
        let key = self.key(policy, action, target);
        Caller::policy(policy, member, key, led_by)
    }
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// Remind the silent party (H44).
    Remind(ExchangeId),
    /// Take the silent party's part as done (H44).
    Complete(ExchangeId),
    /// Close the post of a member who has left (H01).
    ClosePost(PostId),
    /// End the exchange of a member who has left (H01).
    EndExchange(ExchangeId),
    /// Take the tokens and the password of a member who has left (H01).
    LockOut,
    /// Destroy the keys of an erasure, and say so.
    DestroyKeys,
    /// Erase what was kept for its legal term, which has ended.
    EraseKept,
}

impl Action {
    /// Follows up a one-sided report.
    pub(super) fn follow_up(exchange: &str, is_overdue: bool) -> Option<Self> {
        let exchange = ExchangeId::from_stream(exchange)?;
        Some(if is_overdue {
            Self::Complete(exchange)
        } else {
            Self::Remind(exchange)
        })
    }

    /// Ends what a member who has left was holding.
    pub(super) fn end(stream: &str) -> Option<Self> {
        let exchange = ExchangeId::from_stream(stream).map(Self::EndExchange);
        exchange.or_else(|| PostId::from_stream(stream).map(Self::ClosePost))
    }

    /// The rows of the book that it may come from: what a parked duty is found by.
    pub(super) fn row(&self, duty: &Duty) -> (&'static str, String) {
        let member = duty.member.stream();
        match self {
            Self::Remind(exchange) => ("remind", exchange.stream()),
            Self::Complete(exchange) => ("complete", exchange.stream()),
            Self::ClosePost(post) => ("end", format!("{member} {}", post.stream())),
            Self::EndExchange(exchange) => ("end", format!("{member} {}", exchange.stream())),
            Self::LockOut => ("lock-out", member),
            Self::DestroyKeys => ("destroy-keys", duty.trigger.event.to_string()),
            Self::EraseKept => ("erase-kept", member),
        }
    }

    /// Part of the key: never changes its meaning.
    fn code(&self) -> (&'static str, String) {
        match self {
            Self::Remind(exchange) => ("remind", exchange.stream()),
            Self::Complete(exchange) => ("complete", exchange.stream()),
            Self::ClosePost(post) => ("close", post.stream()),
            Self::EndExchange(exchange) => ("end", exchange.stream()),
            Self::LockOut => ("lock-out", String::new()),
            Self::DestroyKeys => ("destroy-keys", String::new()),
            Self::EraseKept => ("erase-kept", String::new()),
        }
    }
}

/// What is to be done, for which member, and because of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Duty {
    pub(super) action: Action,
    /// For whom it is done: the silent party, or the member who has left.
    pub(super) member: MemberId,
    pub(super) trigger: Trigger,
}

impl Duty {
    /// Which policy says so.
    pub(super) fn policy(&self) -> &'static str {
        match self.action {
            Action::Remind(_) | Action::Complete(_) => "completion",
            Action::ClosePost(_) | Action::EndExchange(_) | Action::LockOut => "member-left",
            Action::DestroyKeys | Action::EraseKept => "erasure",
        }
    }

    /// The row of the book that it comes from.
    pub(super) fn row(&self) -> (&'static str, String) {
        self.action.row(self)
    }

    /// The key of its command.
    pub(super) fn key(&self) -> RequestKey {
        let (action, target) = self.action.code();
        self.trigger.key(self.policy(), action, &target)
    }

    /// Who gives its command.
    pub(super) fn caller(&self) -> Caller {
        let (action, target) = self.action.code();
        let policy = self.policy();
        self.trigger.caller(policy, self.member, action, &target)
    }

    /// Gives the command. Done already, or nothing left to do, is as good as done.
    pub(super) async fn perform(
        &self,
        commands: &Commands,
        book: &Book,
    ) -> Result<(), CommandError> {
        let caller = self.caller();
        let periods = commands.settings().follow_up;
        match self.action {
            Action::Remind(id) => commands
                .follow_up("remind_completion", &caller, id, |exchange, now| {
                    exchange.remind_completion(now, periods)
                })
                .await
                .map(drop),
            Action::Complete(id) => commands
                .follow_up("complete_by_policy", &caller, id, |exchange, now| {
                    exchange.complete_by_policy(now, periods)
                })
                .await
                .map(drop),
            Action::EndExchange(id) => commands
                .follow_up("end_as_party_left", &caller, id, |exchange, _| {
                    exchange.end_as_party_left(self.member)
                })
                .await
                .map(drop),
            Action::DestroyKeys => commands.destroy_keys(&caller).await,
            Action::EraseKept => commands.erase_kept(&caller).await,
            Action::ClosePost(id) => commands.close_as_author_left(&caller, id).await.map(drop),
            Action::LockOut => {
                commands
                    .log()
                    .vault()
                    .lock_out(&self.member.stream())
                    .await?;
                Ok(book.locked_out(self.member).await?)
            }
        }
    }
}
