//! What happens to a member.

use crate::erasure::KeyRange;
use crate::ids::MemberId;
use crate::plaintext::plaintext;
use crate::prefecture::Prefecture;
use crate::sealed::{KeyClass, Sealed};
use crate::timestamp::Timestamp;

event! {
    /// A person became a member.
    pub struct MemberRegistered, schema 2, from v1::MemberRegistered;
    open {
        /// The new member.
        member: MemberId,
        /// Where the member lives, if they told.
        prefecture: Option<Prefecture>,
    }
    sealed {
        /// The names others see.
        profile: Sealed<MemberProfile> => Profile of member,
        /// The mail address.
        mail: Sealed<String> => Contact of member,
    }
}

mod v1 {
    use super::{MemberId, MemberProfile, Sealed};

    event! {
        /// A person became a member.
        pub(super) struct MemberRegistered, schema 1;
        open {
            /// The new member.
            member: MemberId,
        }
        sealed {
            /// The names others see.
            profile: Sealed<MemberProfile> => Profile of member,
            /// The mail address.
            mail: Sealed<String> => Contact of member,
        }
    }
}

impl From<v1::MemberRegistered> for MemberRegistered {
    /// Nobody was asked where they live.
    fn from(old: v1::MemberRegistered) -> Self {
        Self {
            member: old.member,
            prefecture: None,
            profile: old.profile,
            mail: old.mail,
        }
    }
}

plaintext! {
    /// The names under which a member is known.
    pub struct MemberProfile {
        /// Unique, never changed, part of the profile's address.
        pub user_name as "user_name": String, "text";
        /// What others read; may be changed.
        pub nickname as "nickname": String, "text";
    }
}

event! {
    /// A member took another nickname.
    pub struct NicknameChanged, schema 1;
    open {
        /// The member.
        member: MemberId,
    }
    sealed {
        /// The new nickname.
        nickname: Sealed<String> => Profile of member,
    }
}

event! {
    /// A member left the community (H01).
    pub struct MemberLeft, schema 1;
    open {
        /// The member.
        member: MemberId,
    }
}

event! {
    /// What is sealed for a member under these keys is to be erased, and counts as erased from
    /// here on: nothing was sealed under them after this, and the keys are being destroyed.
    pub struct MemberErased, schema 1;
    open {
        /// The member.
        member: MemberId,
        /// The keys.
        keys: Vec<KeyRange>,
        /// Retention classes that have to be kept for their legal term.
        kept: Vec<KeyClass>,
        /// When that term ends; null where nothing is kept.
        kept_until: Option<Timestamp>,
    }
}

event! {
    /// The keys that an erasure named are destroyed in the vault.
    pub struct KeysDestroyed, schema 1;
    open {
        /// The member.
        member: MemberId,
        /// The keys.
        keys: Vec<KeyRange>,
    }
}

events! {
    /// What can happen to a member.
    pub enum MemberEvent in Member {
        MemberRegistered, NicknameChanged, MemberLeft, MemberErased, KeysDestroyed,
    }
}
