//! One thing that a policy has to do, and what it follows on.

use meguri_events::MemberId;
use meguri_log::{Position, RequestKey, Timestamp};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::caller::Led;
use crate::{Caller, CommandError};

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

/// What is to be done, for which member, and because of what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duty {
    /// Which policy says so.
    pub policy: &'static str,
    /// What is to be done. Part of the key: it never changes its meaning.
    pub action: String,
    /// What it is done to, by its stream; empty where that is the member.
    pub target: String,
    /// For whom it is done.
    pub member: MemberId,
    /// When; at once where nothing is said.
    pub at: Option<Timestamp>,
    /// What it follows on.
    pub trigger: Trigger,
}

/// A row of a query for what is due: action, target, member, moment, position, event, correlation.
pub(super) type DutyRow = (
    String,
    String,
    String,
    Option<i64>,
    i64,
    String,
    Option<String>,
);

impl Duty {
    /// A duty, of a row that this process has written; none where it says something else.
    pub(super) fn of(policy: &'static str, row: DutyRow) -> Option<Self> {
        let (action, target, member, at, position, event, correlation) = row;
        Some(Self {
            policy,
            action,
            target,
            member: MemberId::from_stream(&member)?,
            at: at.map(Timestamp::from_micros),
            trigger: Trigger {
                position: Position::new(u64::try_from(position).ok()?),
                event: event.parse().ok()?,
                correlation: match correlation {
                    Some(id) => Some(id.parse().ok()?),
                    None => None,
                },
            },
        })
    }

    /// The key of its command.
    pub(super) fn key(&self) -> RequestKey {
        self.trigger.key(self.policy, &self.action, &self.target)
    }

    /// Who gives its command.
    pub(super) fn caller(&self) -> Caller {
        let (policy, action) = (self.policy, &self.action);
        self.trigger
            .caller(policy, self.member, action, &self.target)
    }

    /// What it is about, whose name is that of a stream.
    ///
    /// # Errors
    /// [`CommandError`] where nobody has written that.
    pub(super) fn about<T>(&self, of: fn(&str) -> Option<T>) -> Result<T, CommandError> {
        let unknown =
            || CommandError::Unavailable(format!("{:?} is nothing to act on", self.target));
        of(&self.target).ok_or_else(unknown)
    }

    /// A duty of a member that is about nothing else.
    pub(super) fn of_member(
        policy: &'static str,
        action: &str,
        member: MemberId,
        trigger: Trigger,
    ) -> Self {
        Self {
            policy,
            action: action.to_owned(),
            target: String::new(),
            member,
            at: None,
            trigger,
        }
    }
}
