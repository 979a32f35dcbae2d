//! Profiles: who a member is to others, and what others owe them (H20, H23).

use std::collections::BTreeMap;

use meguri_events::{Event, ExchangeEvent, MemberEvent, MemberId, Prefecture};
use meguri_log::Timestamp;

use meguri_engine::{AnyRows, Decoded, FoldError, Rows, View, ViewReader};

use crate::{
    column::{Column, table},
    error::QueryError,
};

table! {
    /// A member as others see them.
    pub struct Profile in "member"
    by {
        /// The member.
        id: MemberId,
    }
    with {
        /// The unique name in the profile's address; none once it is erased.
        user_name: Option<String> => Profile of id,
        /// What others read; none once it is erased.
        nickname: Option<String> => Profile of id,
        /// Where the member lives, if they told (K30).
        prefecture: Option<Prefecture>,
        /// When the member registered.
        since: Timestamp,
        /// When the member left.
        left_at: Option<Timestamp>,
        /// Exchanges that were completed (H23); aborted ones do not count (H24).
        exchanges_completed: u64,
        /// Thanks sent to this member, which stay whoever leaves (H20).
        thanks_received: u64,
    }
}

/// The view.
#[derive(Default)]
pub struct Profiles {
    members: Rows<Profile>,
}

impl View for Profiles {
    type Fact = Event;
    const NAME: &'static str = "profiles";
    const VERSION: u32 = 1;
    const SCHEMA: &'static str = include_str!("profiles.sql");
    const WANTS: &'static [&'static str] = &[
        "MemberRegistered",
        "NicknameChanged",
        "MemberLeft",
        "MemberErased",
        "ExchangeCompleted",
        "ThanksSent",
    ];

    fn keys(&mut self, fact: &Event) {
        match fact {
            Event::Member(MemberEvent::NicknameChanged(event)) => self.members.ask(event.member),
            Event::Member(MemberEvent::MemberLeft(event)) => self.members.ask(event.member),
            Event::Exchange(ExchangeEvent::ExchangeCompleted(event)) => {
                self.members.ask(event.opener);
                self.members.ask(event.asked);
            }
            Event::Exchange(ExchangeEvent::ThanksSent(event)) => self.members.ask(event.to),
            _ => {}
        }
    }

    fn fold(&mut self, fact: &Event, event: &Decoded) -> Result<(), FoldError> {
        match fact {
            Event::Member(MemberEvent::MemberRegistered(registered)) => {
                let profile = registered.profile.known();
                self.members.put(Profile {
                    id: registered.member,
                    user_name: profile.map(|profile| profile.user_name.clone()),
                    nickname: profile.map(|profile| profile.nickname.clone()),
                    prefecture: registered.prefecture,
                    since: event.at,
                    left_at: None,
                    exchanges_completed: 0,
                    thanks_received: 0,
                });
            }
            Event::Member(MemberEvent::NicknameChanged(changed)) => {
                let nickname = changed.nickname.text().map(str::to_owned);
                self.members.row(&changed.member)?.nickname = nickname;
            }
            Event::Member(MemberEvent::MemberLeft(left)) => {
                self.members.row(&left.member)?.left_at = Some(event.at);
            }
            Event::Exchange(ExchangeEvent::ExchangeCompleted(completed)) => {
                for party in [completed.opener, completed.asked] {
                    self.members.row(&party)?.exchanges_completed += 1;
                }
            }
            Event::Exchange(ExchangeEvent::ThanksSent(thanks)) => {
                self.members.row(&thanks.to)?.thanks_received += 1;
            }
            _ => {}
        }
        Ok(())
    }

    fn tables(&mut self) -> Vec<&mut dyn AnyRows> {
        vec![&mut self.members]
    }
}

/// Reads profiles.
#[derive(Clone, Debug)]
pub struct ProfileQueries(pub(crate) ViewReader);

impl ProfileQueries {
    /// The member of this user name.
    ///
    /// # Errors
    /// [`QueryError::NotFound`] where there is none, or the name is erased.
    pub async fn by_user_name(&self, user_name: &str) -> Result<Profile, QueryError> {
        let name = vec![user_name.to_owned().to_cell()];
        let found = self.0.first("where user_name = ?", name).await?;
        found.ok_or(QueryError::NotFound)
    }

    /// The member of this id.
    ///
    /// # Errors
    /// [`QueryError::NotFound`] where there is none.
    pub async fn by_id(&self, member: MemberId) -> Result<Profile, QueryError> {
        let found = self.0.first("where id = ?", vec![member.to_cell()]).await?;
        found.ok_or(QueryError::NotFound)
    }

    /// All of these members that there are, with one query: for lists that show names.
    ///
    /// # Errors
    /// [`QueryError`] where the view cannot be read.
    pub async fn by_ids(
        &self,
        members: impl IntoIterator<Item = MemberId>,
    ) -> Result<BTreeMap<MemberId, Profile>, QueryError> {
        let found = self.0.by_keys::<Profile>(members).await?;
        Ok(found
            .into_iter()
            .map(|profile| (profile.id, profile))
            .collect())
    }
}
