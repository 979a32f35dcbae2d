//! Names of members, put into answers that other views give by id.

use std::collections::BTreeMap;

use meguri_events::MemberId;
use meguri_views::profiles::Profile;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{AnswerError, ReadApi};

/// A member as others see them in lists. Names are null once they are erased.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Person {
    /// The member's id.
    #[schema(format = Uuid)]
    pub id: String,
    /// The unique name in the profile's address.
    pub user_name: Option<String>,
    /// What others read.
    pub nickname: Option<String>,
    /// Whether the member has left the community.
    pub left: bool,
}

/// The names that one answer needs, read with one query.
#[derive(Debug, Default)]
pub struct Names(BTreeMap<MemberId, Profile>);

impl Names {
    /// Reads the names of these members.
    ///
    /// # Errors
    /// The profiles cannot be read.
    pub(crate) async fn of(
        api: &ReadApi,
        members: impl IntoIterator<Item = MemberId>,
    ) -> Result<Self, AnswerError> {
        let members: std::collections::BTreeSet<_> = members.into_iter().collect();
        if members.is_empty() {
            return Ok(Self(BTreeMap::new()));
        }
        Ok(Self(api.live().profiles().by_ids(members).await?))
    }

    /// This member; without names while the profiles lag behind the view that named the id.
    pub fn person(&self, id: MemberId) -> Person {
        let profile = self.0.get(&id);
        Person {
            id: id.to_string(),
            user_name: profile.and_then(|profile| profile.user_name.clone()),
            nickname: profile.and_then(|profile| profile.nickname.clone()),
            left: profile.is_some_and(|profile| profile.left_at.is_some()),
        }
    }
}
