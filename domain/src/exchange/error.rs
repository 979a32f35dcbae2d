//! Every reason why something cannot happen in an exchange.

use meguri_events::Mode;

/// Why something cannot happen in an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeError {
    /// A helper applies, and a requester asks, never on their own post (H04).
    #[error("this is your own post")]
    OwnPost,
    /// Neither side of a block sees the other's posts (C12).
    #[error("one of the two members blocks the other")]
    Blocked,
    /// A closed post opens no exchange (H01).
    #[error("this post is closed")]
    PostClosed,
    /// The post's author has left (H01).
    #[error("the author of this post has left")]
    AuthorHasLeft,
    /// The post did not allow this mode when the exchange was opened (H15).
    #[error("the post does not allow this mode: {mode}")]
    ModeNotAllowed {
        /// The mode that was asked for.
        mode: Mode,
    },
    /// Only the two parties act in an exchange, and read its room (H05).
    #[error("you are not a party to this exchange")]
    NotAParty,
    /// Terms and cancelling belong to `Negotiating` (H06, H07, H24).
    #[error("the exchange is not being negotiated any more")]
    NotNegotiating,
    /// Reports and aborting belong to `InProgress` (H21, H24).
    #[error("the exchange is not in progress")]
    NotInProgress,
    /// Once the exchange is over its room takes no more messages (H23).
    #[error("this room takes no more messages")]
    RoomClosed,
    /// Agreement names the latest terms (H07, H12).
    #[error("these are not the latest terms; the latest are number {latest}")]
    TermsChanged {
        /// Number of the latest terms.
        latest: u32,
    },
    /// A message that agrees names the terms to which it does (H25-H27).
    #[error(
        "name the terms that you agree to, or keep negotiating; the latest are number {latest}"
    )]
    TermsNotNamed {
        /// Number of the latest terms.
        latest: u32,
    },
    /// Each party reports once (H21).
    #[error("you have reported completion already")]
    AlreadyReported,
    /// Thanks and evaluation wait for the partner's report (H18, H22).
    #[error("the other party has not reported completion yet")]
    PartnerNotDone,
    /// Where nothing is done in return, only who was helped may thank (H18).
    #[error("only the party that was helped may send thanks")]
    NotHelped,
    /// Thanks once per exchange and sender (H19).
    #[error("you have sent thanks for this exchange already")]
    AlreadyThanked,
    /// One evaluation per party, never edited, also after it was retracted (H22).
    #[error("you have written an evaluation already")]
    AlreadyEvaluated,
    /// There is no evaluation to take back (H22).
    #[error("you have not written an evaluation")]
    NoEvaluation,
    /// A cancelled or aborted exchange takes neither thanks nor evaluation (H24).
    #[error("the exchange was not carried through")]
    GivenUp,
    /// Thanks and evaluation are open for 30 days after completion (H23).
    #[error("thanks and evaluation were open for 30 days after completion")]
    TooLate,
}

impl ExchangeError {
    /// Stable name of the refusal.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::OwnPost => "own-post",
            Self::Blocked => "blocked",
            Self::PostClosed => "post-closed",
            Self::AuthorHasLeft => "author-has-left",
            Self::ModeNotAllowed { .. } => "mode-not-allowed",
            Self::NotAParty => "not-a-party",
            Self::NotNegotiating => "not-negotiating",
            Self::NotInProgress => "not-in-progress",
            Self::RoomClosed => "room-closed",
            Self::TermsChanged { .. } => "terms-changed",
            Self::TermsNotNamed { .. } => "terms-not-named",
            Self::AlreadyReported => "already-reported",
            Self::PartnerNotDone => "partner-not-done",
            Self::NotHelped => "not-helped",
            Self::AlreadyThanked => "already-thanked",
            Self::AlreadyEvaluated => "already-evaluated",
            Self::NoEvaluation => "no-evaluation",
            Self::GivenUp => "given-up",
            Self::TooLate => "too-late",
        }
    }

    /// The refusal in Japanese.
    pub fn ja(&self) -> String {
        let sentence = match self {
            Self::OwnPost => "自分の投稿には申し込めません。",
            Self::Blocked => "どちらかが相手をブロックしています。",
            Self::PostClosed => "この投稿は締め切られています。",
            Self::AuthorHasLeft => "投稿したメンバーは退会しました。",
            Self::ModeNotAllowed { mode } => {
                return format!("この投稿では「{}」を選べません。", mode.ja());
            }
            Self::NotAParty => "このやりとりの当事者ではありません。",
            Self::NotNegotiating => "このやりとりはもう調整中ではありません。",
            Self::NotInProgress => "このやりとりは交換中ではありません。",
            Self::RoomClosed => "このチャットルームにはもう投稿できません。",
            Self::TermsChanged { latest } => {
                return format!(
                    "条件が変わっています。最新の条件（第{latest}版）を確認してください。"
                );
            }
            Self::TermsNotNamed { latest } => {
                return format!(
                    "どの条件に合意するかを指定してください（最新は第{latest}版）。合意せずに送るには、\
                     調整中の状態のまま投稿してください。"
                );
            }
            Self::AlreadyReported => "完了はすでに伝えています。",
            Self::PartnerNotDone => "相手がまだ完了を伝えていません。",
            Self::NotHelped => "ありがとうを送れるのは助けてもらった人だけです。",
            Self::AlreadyThanked => "このやりとりのありがとうはすでに送っています。",
            Self::AlreadyEvaluated => "評価はすでに書いています。",
            Self::NoEvaluation => "取り消せる評価がありません。",
            Self::GivenUp => "このやりとりは途中で終わっています。",
            Self::TooLate => "ありがとうと評価は完了から30日以内です。",
        };
        sentence.to_owned()
    }
}
