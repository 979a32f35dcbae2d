//! Members as others see them: their profile, and the thanks they have received.

use meguri_domain::UserName;
use meguri_events::{MemberId, Prefecture};
use meguri_views::profiles::Profile;
use meguri_views::thanks::ThanksGiven;
use meguri_views::{Moment, QueryError};
use serde::Serialize;
use utoipa::ToSchema;

use crate::list::{List, Part};
use crate::names::{Names, Person};
use crate::views::View;
use crate::{AnswerError, Freshness, ReadApi, Seen, Sentence, Viewer};

/// A member's profile. Names are null once they are erased.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProfileAnswer {
    /// The member's id.
    #[schema(format = Uuid)]
    id: String,
    /// The unique name in the profile's address.
    user_name: Option<String>,
    /// What others read.
    nickname: Option<String>,
    /// JIS X 0401 code of the prefecture where they live, 1 to 47; null if they did not tell (K30).
    #[schema(minimum = 1, maximum = 47)]
    prefecture: Option<u8>,
    /// Since when they are a member, RFC 3339.
    #[schema(format = DateTime)]
    since: String,
    /// When the member left the community, RFC 3339; null while they are here.
    #[schema(format = DateTime)]
    left_at: Option<String>,
    /// Thanks (ありがとう) sent to this member, which stay whoever leaves (H20).
    thanks_received: u64,
    /// Exchanges that were completed (H23); aborted ones do not count (H24).
    exchanges_completed: u64,
}

impl From<Profile> for ProfileAnswer {
    fn from(profile: Profile) -> Self {
        Self {
            id: profile.id.to_string(),
            user_name: profile.user_name,
            nickname: profile.nickname,
            prefecture: profile.prefecture.map(Prefecture::code),
            since: profile.since.to_string(),
            left_at: profile.left_at.map(|at| at.to_string()),
            thanks_received: profile.thanks_received,
            exchanges_completed: profile.exchanges_completed,
        }
    }
}

/// Thanks that a member has received (H18-H20).
#[derive(Debug, Serialize, ToSchema)]
pub struct ThanksAnswer {
    /// Who thanks.
    from: Person,
    /// When, RFC 3339.
    #[schema(format = DateTime)]
    at: String,
    /// What was written; null if nothing was, or once it is erased.
    words: Option<String>,
    /// Whether something was written that nobody can read any more.
    erased: bool,
}

impl ThanksAnswer {
    fn of(thanks: ThanksGiven, names: &Names) -> Self {
        Self {
            from: names.person(thanks.sender),
            at: thanks.at.to_string(),
            words: thanks.words,
            erased: thanks.erased,
        }
    }
}

impl ReadApi {
    /// A member's public profile, with the thanks received (H20) and exchanges completed (H23).
    pub async fn profile(
        &self,
        viewer: &Viewer,
        user_name: &str,
        fresh: Freshness,
    ) -> Result<Seen<ProfileAnswer>, AnswerError> {
        let hidden = viewer.hidden(self, fresh).await?;
        let seen = self
            .views(&[View::Profiles], &[View::Profiles], fresh)
            .await?;
        let today = by_user_name(self, user_name, hidden).await?;
        let profile = at(&seen, today).await?;
        Ok(Seen::at(seen.position(), profile.into()))
    }

    /// A page of the thanks that a member has received (H18-H20), without those of members who are
    /// hidden (C12).
    pub async fn thanks(
        &self,
        viewer: &Viewer,
        user_name: &str,
        part: Part,
        fresh: Freshness,
    ) -> Result<Seen<List<ThanksAnswer>>, AnswerError> {
        let hidden = viewer.hidden(self, fresh).await?;
        let seen = self
            .views(&[View::Thanks], &[View::Profiles], fresh)
            .await?;
        let member = by_user_name(self, user_name, hidden).await?.id;
        let received = seen.thanks();
        let page = received
            .received(member, hidden, part.after, part.limit)
            .await?;
        let names = Names::of(self, page.items.iter().map(|thanks| thanks.sender)).await?;
        let thanks = List::of(page, |thanks| ThanksAnswer::of(thanks, &names));
        Ok(Seen::at(seen.position(), thanks))
    }

    /// One's own profile.
    pub async fn own_profile(
        &self,
        viewer: &Viewer,
        fresh: Freshness,
    ) -> Result<Seen<ProfileAnswer>, AnswerError> {
        let member = viewer.principal().require_member()?;
        let seen = self
            .views(&[View::Profiles], &[View::Profiles], fresh)
            .await?;
        let reached = seen.position();
        let today = match self.live().profiles().by_id(member).await {
            // The token proves that the member exists: the view has not seen the registration yet.
            Err(QueryError::NotFound) => {
                let asked = reached.next();
                return Err(AnswerError::NotYet { asked, reached });
            }
            today => today?,
        };
        let profile = at(&seen, today).await?;
        Ok(Seen::at(reached, profile.into()))
    }
}

/// A member's profile as it was; who the member is, and whether they have left, as it is today.
async fn at(seen: &Moment, today: Profile) -> Result<Profile, AnswerError> {
    if !seen.is_past() {
        return Ok(today);
    }
    let then = seen.profiles().by_id(today.id).await;
    let then = then.map_err(|error| {
        let (ja, en) = (
            "この時点ではまだ会員ではありませんでした",
            "This member had not registered by then",
        );
        not_found(error, ja, en)
    })?;
    Ok(Profile {
        user_name: today.user_name,
        nickname: today.nickname,
        left_at: today.left_at,
        ..then
    })
}

async fn by_user_name(
    api: &ReadApi,
    user_name: &str,
    hidden: &[MemberId],
) -> Result<Profile, AnswerError> {
    // As everywhere: capitals and full width make no other name.
    let name = UserName::parse(user_name).map_or_else(|_| user_name.to_owned(), String::from);
    let found = match api.live().profiles().by_user_name(&name).await {
        Ok(profile) if hidden.contains(&profile.id) => Err(QueryError::NotFound),
        found => found,
    };
    let (ja, en) = (
        "このユーザー名の会員はいません",
        "Nobody has this user name",
    );
    found.map_err(|error| not_found(error, ja, en))
}

/// What it means to the reader that there is no profile.
fn not_found(error: QueryError, ja: &'static str, en: &'static str) -> AnswerError {
    if matches!(error, QueryError::NotFound) {
        AnswerError::NotFound(Some(Sentence::new(ja, en)))
    } else {
        error.into()
    }
}
