//! Who asks, under which key, and what led to it.

use meguri_events::MemberId;
use meguri_log::RequestKey;
use uuid::Uuid;

use crate::CommandError;

/// Who asks for something, and how the request is recognised when it is repeated.
#[derive(Debug, Clone)]
pub struct Caller {
    pub(crate) actor: String,
    pub(crate) member: Option<MemberId>,
    pub(crate) acting_for: Option<String>,
    pub(crate) key: Option<RequestKey>,
    pub(crate) led_by: Option<Led>,
}

/// What a command of a policy follows on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Led {
    /// The first command of the chain.
    pub(crate) correlation: Option<Uuid>,
    /// The event that the policy reacts to.
    pub(crate) causation: Uuid,
}

impl Caller {
    /// A member who acts.
    pub fn member(member: MemberId) -> Self {
        Self {
            actor: member.stream(),
            member: Some(member),
            acting_for: None,
            key: None,
            led_by: None,
        }
    }

    /// A request that answers as the first did when it is repeated under this key.
    #[must_use]
    pub fn with_key(mut self, key: Option<RequestKey>) -> Self {
        self.key = key;
        self
    }

    /// Which member acts, or is acted for.
    ///
    /// # Errors
    /// [`CommandError::NotFound`] where that is none.
    pub fn id(&self) -> Result<MemberId, CommandError> {
        self.member.ok_or(CommandError::NotFound)
    }

    /// An operator at the command line, who does something to a member.
    pub fn operator(member: MemberId) -> Self {
        Self {
            actor: "operator-cli".to_owned(),
            ..Self::member(member)
        }
    }

    /// An operator who looks after what is nobody's, such as the vocabulary. `actor` is
    /// `operator-<name>`.
    pub fn of_the_house(actor: &str) -> Self {
        Self {
            actor: actor.to_owned(),
            member: None,
            acting_for: None,
            key: None,
            led_by: None,
        }
    }

    /// A policy that acts for a member, because of an event.
    pub(crate) fn policy(name: &str, member: MemberId, key: RequestKey, led_by: Led) -> Self {
        let (actor, acting_for) = (format!("policy-{name}"), Some(member.stream()));
        Self {
            actor,
            member: Some(member),
            acting_for,
            key: Some(key),
            led_by: Some(led_by),
        }
    }
}
