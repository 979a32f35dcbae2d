//! Exchanges of the member who asks: the list, and what every answer about one says.

use meguri_events::{MemberId, PostId};
use meguri_log::Timestamp;
use meguri_views::posts::PostKind;
use meguri_views::rooms::Exchange;
use serde::Serialize;
use utoipa::ToSchema;

use crate::list::{List, Part};
use crate::names::{Names, Person};
use crate::views::View;
use crate::{AnswerError, Freshness, ReadApi, Seen, Viewer, codes};

pub use meguri_views::rooms::ExchangeStatus;

/// The post that an exchange came from.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExchangePost {
    /// The post's id.
    #[schema(format = Uuid)]
    id: String,
    /// `need`: the opener applied to help. `offer`: the opener asked for help.
    #[schema(schema_with = codes::kind)]
    kind: &'static str,
    /// Its title as it read at the opening; null once it is erased.
    title: Option<String>,
}

/// One act of help between two members (H05, H08), as one of the two sees it.
#[derive(Debug, Serialize, ToSchema)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts that readers ask for one by one"
)]
pub struct ExchangeAnswer {
    /// The exchange's id.
    #[schema(format = Uuid)]
    pub id: String,
    /// Version of its stream, as in `ETag`.
    version: u64,
    /// Where it stands (H24).
    #[schema(schema_with = codes::exchange_status)]
    status: &'static str,
    /// The post that it came from.
    post: ExchangePost,
    /// Who opened it: asked for help, or applied to help.
    pub opener: Person,
    /// Who was asked, and has the right to decide (H10, H12).
    pub asked: Person,
    /// Which of the two the reader is.
    #[schema(schema_with = codes::side)]
    me: &'static str,
    /// The mode of the opening, then of the current terms.
    #[schema(schema_with = codes::mode)]
    mode: &'static str,
    /// Whether the post allowed online (H15).
    allows_online: bool,
    /// Whether the post allowed by post and in person (H15).
    allows_offline: bool,
    /// 交換不要: the post asked nothing in return (H16).
    no_return_needed: bool,
    /// Number of the current terms; 0 is the opening as it was (H07).
    terms_version: u32,
    /// The terms that the opener agreed to last (H12).
    opener_agreed: Option<u32>,
    /// The terms that the asked party agreed to last.
    asked_agreed: Option<u32>,
    /// The terms that hold since the start (H07, H11).
    agreed_version: Option<u32>,
    /// Whether something is done in return; null while nobody has said.
    has_return: Option<bool>,
    /// When it was opened, RFC 3339.
    #[schema(format = DateTime)]
    pub opened_at: String,
    /// When something last happened in it, RFC 3339.
    #[schema(format = DateTime)]
    changed_at: String,
    /// When both had agreed (H07), RFC 3339.
    #[schema(format = DateTime)]
    started_at: Option<String>,
    /// When the opener reported completion (H21), RFC 3339.
    #[schema(format = DateTime)]
    opener_reported_at: Option<String>,
    /// When the asked party reported completion (H21), RFC 3339.
    #[schema(format = DateTime)]
    asked_reported_at: Option<String>,
    /// When the silent party was reminded (H44), RFC 3339.
    #[schema(format = DateTime)]
    reminded_at: Option<String>,
    /// Completed by policy, one party not having reported (H44).
    completed_by_policy: bool,
    /// Until when thanks and evaluation are open (H23), RFC 3339.
    #[schema(format = DateTime)]
    open_until: Option<String>,
    /// When it was completed, cancelled or aborted, RFC 3339.
    #[schema(format = DateTime)]
    ended_at: Option<String>,
    /// Who cancelled or aborted it.
    #[schema(schema_with = codes::side_or_null)]
    ended_by: Option<&'static str>,
    /// Why it was cancelled or aborted.
    #[schema(schema_with = codes::reason_code_or_null)]
    reason_code: Option<&'static str>,
    /// Why, in own words; null once they are erased.
    reason: Option<String>,
}

impl ExchangeAnswer {
    /// The exchange as this party sees it.
    pub(crate) fn of(exchange: Exchange, reader: MemberId, names: &Names) -> Self {
        let side = |member: MemberId| {
            if member == exchange.opener {
                "opener"
            } else {
                "asked"
            }
        };
        let written = |at: Option<Timestamp>| at.map(|at| at.to_string());
        let post = match exchange.post {
            PostId::Need(id) => id.uuid(),
            PostId::Offer(id) => id.uuid(),
        };
        Self {
            id: exchange.id.to_string(),
            version: exchange.version.get(),
            status: exchange.status.code(),
            post: ExchangePost {
                id: post.to_string(),
                kind: PostKind::of(exchange.post).code(),
                title: exchange.title,
            },
            opener: names.person(exchange.opener),
            asked: names.person(exchange.asked),
            me: side(reader),
            mode: exchange.mode.code(),
            allows_online: exchange.allows_online,
            allows_offline: exchange.allows_offline,
            no_return_needed: exchange.no_return_needed,
            terms_version: exchange.terms_version,
            opener_agreed: exchange.opener_agreed,
            asked_agreed: exchange.asked_agreed,
            agreed_version: exchange.agreed_version,
            has_return: exchange.has_return,
            opened_at: exchange.opened_at.to_string(),
            changed_at: exchange.changed_at.to_string(),
            started_at: written(exchange.started_at),
            opener_reported_at: written(exchange.opener_reported_at),
            asked_reported_at: written(exchange.asked_reported_at),
            reminded_at: written(exchange.reminded_at),
            completed_by_policy: exchange.completed_by_policy,
            open_until: written(exchange.open_until),
            ended_at: written(exchange.ended_at),
            ended_by: exchange.ended_by.map(side),
            reason_code: exchange.reason_code.map(meguri_events::ReasonCode::code),
            reason: exchange.reason,
        }
    }
}

impl ReadApi {
    /// A page of one's own exchanges, newest first; nobody else's are ever listed.
    pub async fn exchanges(
        &self,
        viewer: &Viewer,
        status: Option<ExchangeStatus>,
        part: Part,
        fresh: Freshness,
    ) -> Result<Seen<List<ExchangeAnswer>>, AnswerError> {
        let member = viewer.principal().require_member()?;
        let seen = self.views(&[View::Rooms], &[View::Profiles], fresh).await?;
        let rooms = seen.rooms();
        let page = rooms
            .exchanges_of(member, status, part.after, part.limit)
            .await?;
        let both = |exchange: &Exchange| [exchange.opener, exchange.asked];
        let names = Names::of(self, page.items.iter().flat_map(both)).await?;
        let exchanges = List::of(page, |item| ExchangeAnswer::of(item, member, &names));
        Ok(Seen::at(seen.position(), exchanges))
    }
}
