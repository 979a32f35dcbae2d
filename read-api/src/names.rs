//! Names of members, put into answers that other views give by id.

use std::collections::BTreeMap;

use meguri_events::MemberId;
use meguri_http::Problem;
use meguri_views::Moment;
use meguri_views::profiles::Profile;
use serde::Serialize;
use utoipa::ToSchema;

use crate::ReadApi;

/// A member as others see them in lists. Names are null once they are erased.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Person {
    /// The member's id.
    #[schema(format = Uuid)]
    id: String,
    /// The unique name in the profile's address.
    pub(crate) user_name: Option<String>,
    /// What others read.
    pub(crate) nickname: Option<String>,
    /// Whether the member has left the community.
    left: bool,
}

/// The names that one answer needs, read with one query.
#[derive(Debug, Default)]
pub(crate) struct Names(BTreeMap<MemberId, Profile>);

impl Names {
    /// Reads the names of these members.
    ///
    /// # Errors
    /// 503 where the profiles cannot be read.
    pub(crate) async fn of(
        api: &ReadApi,
        members: impl IntoIterator<Item = MemberId>,
    ) -> Result<Self, Problem> {
        let members: std::collections::BTreeSet<_> = members.into_iter().collect();
        if members.is_empty() {
            return Ok(Self(BTreeMap::new()));
        }
        let found = Moment::live(&api.views).profiles().by_ids(members).await;
        found.map(Self).map_err(crate::views::refusal)
    }

    /// This member; without names while the profiles lag behind the view that named the id.
    pub(crate) fn person(&self, id: MemberId) -> Person {
        let profile = self.0.get(&id);
        Person {
            id: id.to_string(),
            user_name: profile.and_then(|profile| profile.user_name.clone()),
            nickname: profile.and_then(|profile| profile.nickname.clone()),
            left: profile.is_some_and(|profile| profile.left_at.is_some()),
        }
    }
}
