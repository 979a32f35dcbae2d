//! Members: registering, changing the nickname, leaving.

use std::collections::BTreeMap;

use meguri_events::{
    Event, KeyClass, KeyRange, KeysDestroyed, MemberErased, MemberEvent, MemberId, MemberLeft,
    MemberProfile, MemberRegistered, NicknameChanged, Prefecture, Sealed, Timestamp, composed,
};

use crate::text::Nickname;
use crate::{Aggregate, Counts, Mail, UserName};

/// Why a member cannot do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MemberError {
    /// A member who has left can do nothing any more (H01).
    #[error("this member has left")]
    HasLeft,
}

impl MemberError {
    /// Stable name of the refusal.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::HasLeft => "member-has-left",
        }
    }

    /// The refusal in Japanese.
    pub const fn ja(&self) -> &'static str {
        match self {
            Self::HasLeft => "退会したメンバーは操作できません。",
        }
    }
}

/// What a person gives to become a member. The password goes to the vault, not here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// Unique and never changed; claimed in the same append.
    pub user_name: UserName,
    /// What others read.
    pub nickname: Nickname,
    /// Unique among members; claimed in the same append.
    pub mail: Mail,
    /// Where they live, if they say so; on the profile for everyone to see (K23, K30).
    pub prefecture: Option<Prefecture>,
}

/// A member who has not left: the only one who can act. Only [`Member::acting`] gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ActiveMember(MemberId);

impl ActiveMember {
    /// Which member it is.
    pub const fn id(self) -> MemberId {
        self.0
    }
}

/// A member, as their stream tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    id: MemberId,
    user_name: Sealed<String>,
    nickname: Sealed<String>,
    mail: Sealed<String>,
    left: bool,
    /// Of each class, the last key that was erased.
    erased: BTreeMap<KeyClass, u32>,
    /// Erased keys of which nobody has said yet that they are destroyed.
    destroying: Vec<KeyRange>,
    kept_until: Option<Timestamp>,
}

impl Member {
    /// A person becomes a member.
    pub fn register(member: MemberId, registration: Registration) -> Vec<MemberEvent> {
        let Registration {
            user_name,
            nickname,
            mail,
            prefecture,
        } = registration;
        let profile = MemberProfile {
            user_name: user_name.into(),
            nickname: nickname.into(),
        };
        let mail = Sealed::Known(mail.into());
        vec![
            MemberRegistered {
                member,
                prefecture,
                profile: profile.into(),
                mail,
            }
            .into(),
        ]
    }

    /// Which member it is.
    pub const fn id(&self) -> MemberId {
        self.id
    }

    /// The user name.
    pub const fn user_name(&self) -> &Sealed<String> {
        &self.user_name
    }

    /// The nickname.
    pub const fn nickname(&self) -> &Sealed<String> {
        &self.nickname
    }

    /// The mail address, whose claim is released when the member leaves.
    pub const fn mail(&self) -> &Sealed<String> {
        &self.mail
    }

    /// Whether the member has left.
    pub const fn has_left(&self) -> bool {
        self.left
    }

    /// The member as one who may act.
    ///
    /// # Errors
    /// [`MemberError::HasLeft`] once the member has left.
    pub const fn acting(&self) -> Result<ActiveMember, MemberError> {
        if self.left {
            Err(MemberError::HasLeft)
        } else {
            Ok(ActiveMember(self.id))
        }
    }

    /// Takes another nickname. The same one again yields no event.
    ///
    /// # Errors
    /// [`MemberError::HasLeft`] once the member has left.
    pub fn change_nickname(&self, nickname: Nickname) -> Result<Vec<MemberEvent>, MemberError> {
        let member = self.acting()?.id();
        // Older events hold what was typed, in whatever form.
        let same = |old| composed(old) == nickname.as_str();
        if self.nickname.text().is_some_and(same) {
            return Ok(vec![]);
        }
        let nickname = Sealed::Known(nickname.into());
        Ok(vec![NicknameChanged { member, nickname }.into()])
    }

    /// Whether what was sealed under this key was erased.
    pub fn is_erased(&self, class: KeyClass, number: u32) -> bool {
        self.erased.get(&class).is_some_and(|last| number <= *last)
    }

    /// The retention classes of which something was erased.
    pub fn erased_classes(&self) -> impl Iterator<Item = KeyClass> {
        self.erased.keys().copied()
    }

    /// Erased keys of which nobody has said yet that they are destroyed.
    pub fn destroying(&self) -> &[KeyRange] {
        &self.destroying
    }

    /// Says that the keys of every erasure are destroyed; where that was said, it yields no event.
    pub fn keys_destroyed(&self) -> Vec<MemberEvent> {
        if self.destroying.is_empty() {
            return vec![];
        }
        let (member, keys) = (self.id, self.destroying.clone());
        vec![KeysDestroyed { member, keys }.into()]
    }

    /// When the legal term ends of what was kept when the member was erased.
    pub const fn kept_until(&self) -> Option<Timestamp> {
        self.kept_until
    }

    /// Has everything erased that is sealed under these keys, but for classes that have to be
    /// kept. What was erased before yields no event.
    pub fn erase(
        &self,
        keys: impl IntoIterator<Item = KeyRange>,
        kept: Vec<KeyClass>,
        kept_until: Option<Timestamp>,
    ) -> Vec<MemberEvent> {
        let mut keys: Vec<KeyRange> = keys.into_iter().collect();
        keys.retain(|keys| !kept.contains(&keys.class) && !self.is_erased(keys.class, keys.last));
        if keys.is_empty() {
            return vec![];
        }
        let member = self.id;
        let erased = MemberErased {
            member,
            keys,
            kept,
            kept_until,
        };
        vec![erased.into()]
    }

    /// Leaves the community; leaving again yields no event. Policies then close the posts and
    /// end the exchanges ([`crate::Post::close_as_author_left`],
    /// [`crate::Exchange::end_as_party_left`], H01).
    pub fn leave(&self) -> Vec<MemberEvent> {
        if self.left {
            vec![]
        } else {
            vec![MemberLeft { member: self.id }.into()]
        }
    }
}

impl Member {
    /// A member of whom nothing is known.
    fn untold(id: MemberId) -> Self {
        Self {
            id,
            user_name: Sealed::Erased,
            nickname: Sealed::Erased,
            mail: Sealed::Erased,
            left: false,
            erased: BTreeMap::new(),
            destroying: Vec::new(),
            kept_until: None,
        }
    }

    /// Forgets what was sealed under these keys; what is sealed after this is under others.
    fn without(mut self, erased: &MemberErased) -> Self {
        for keys in &erased.keys {
            let last = self.erased.entry(keys.class).or_default();
            *last = keys.last.max(*last);
            match keys.class {
                KeyClass::Profile => {
                    self.user_name = Sealed::Erased;
                    self.nickname = Sealed::Erased;
                }
                KeyClass::Contact => self.mail = Sealed::Erased,
                KeyClass::Message | KeyClass::Exchange | KeyClass::Money | KeyClass::Safety => {}
            }
        }
        self.destroying.extend_from_slice(&erased.keys);
        self.kept_until = erased.kept_until.or(self.kept_until);
        self
    }
}

impl Aggregate for Member {
    type Event = MemberEvent;

    const FOLD: u32 = 1;

    fn counts(event: &MemberEvent) -> Counts {
        match event {
            MemberEvent::NicknameChanged(_) => Counts::UntilNext("nickname".to_owned()),
            MemberEvent::MemberRegistered(_)
            | MemberEvent::MemberLeft(_)
            | MemberEvent::MemberErased(_)
            | MemberEvent::KeysDestroyed(_) => Counts::Always,
        }
    }

    /// Whoever registered is a member, and can be erased, whatever the registration said.
    fn after_redacted(state: Option<Self>, event_type: &str, stream: &str) -> Option<Self> {
        if state.is_none() && event_type == "MemberRegistered" {
            MemberId::from_stream(stream).map(Self::untold)
        } else {
            state
        }
    }

    fn event(event: &Event) -> Option<&MemberEvent> {
        if let Event::Member(event) = event {
            Some(event)
        } else {
            None
        }
    }

    fn evolve(state: Option<Self>, event: &MemberEvent) -> Option<Self> {
        match event {
            MemberEvent::MemberRegistered(registered) => {
                let profile = registered.profile.clone();
                let (user_name, nickname) = match profile {
                    Sealed::Known(profile) => (profile.user_name.into(), profile.nickname.into()),
                    Sealed::Erased => (Sealed::Erased, Sealed::Erased),
                };
                let mail = registered.mail.clone();
                Some(Self {
                    user_name,
                    nickname,
                    mail,
                    ..Self::untold(registered.member)
                })
            }
            MemberEvent::NicknameChanged(changed) => state.map(|member| Self {
                nickname: changed.nickname.clone(),
                ..member
            }),
            MemberEvent::MemberLeft(_) => state.map(|member| Self {
                left: true,
                ..member
            }),
            MemberEvent::MemberErased(erased) => state.map(|member| member.without(erased)),
            MemberEvent::KeysDestroyed(done) => state.map(|mut member| {
                member.destroying.retain(|keys| !done.keys.contains(keys));
                member
            }),
        }
    }
}
