//! The rows of rooms: the exchange itself, and what was said and agreed in it.

use std::{fmt, str::FromStr};

use meguri_events::{ExchangeId, MemberId, Mode, PostId, ReasonCode, Sealed};
use meguri_log::{Position, Timestamp, Version};

use super::Opening;
use meguri_engine::{Decoded, FoldError};

use crate::column::{table, text_column};

/// Where an exchange stands (H24).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExchangeStatus {
    /// 調整中: terms are adjusted.
    Negotiating,
    /// 交換中: both have agreed to the same terms.
    InProgress,
    /// 完了: both parts are done.
    Completed,
    /// Ended while it was negotiated (H06, H09).
    Cancelled,
    /// Given up while in progress (H24).
    Aborted,
}

/// A text is not the status of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a status is negotiating, in_progress, completed, cancelled or aborted")]
pub struct UnknownStatus;

impl ExchangeStatus {
    const ALL: [Self; 5] = [
        Self::Negotiating,
        Self::InProgress,
        Self::Completed,
        Self::Cancelled,
        Self::Aborted,
    ];

    /// The code that is stored and sent.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Negotiating => "negotiating",
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
            Self::Aborted => "aborted",
        }
    }
}

impl fmt::Display for ExchangeStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl FromStr for ExchangeStatus {
    type Err = UnknownStatus;

    fn from_str(code: &str) -> Result<Self, UnknownStatus> {
        Self::ALL
            .into_iter()
            .find(|status| status.code() == code)
            .ok_or(UnknownStatus)
    }
}
text_column!(ExchangeStatus);

table! {
    /// One act of help between two members (スケット).
    pub struct Exchange in "exchange"
    by {
        /// The exchange.
        id: ExchangeId,
    }
    with {
        /// The Need or Offer that it came from.
        post: PostId,
        /// The post's title as it read at the opening; none once it is erased.
        title: Option<String> => Profile of asked,
        /// Who opened it: asked for help, or applied to help.
        opener: MemberId,
        /// Who was asked, and has the right to decide (H10, H12).
        asked: MemberId,
        /// The position of the opening.
        opened: Position,
        /// When it was opened.
        opened_at: Timestamp,
        /// The version of its stream: what a command expects it to be.
        version: Version,
        /// When something last happened in it.
        changed_at: Timestamp,
        /// Where it stands.
        status: ExchangeStatus,
        /// The mode of the opening, then of the current terms.
        mode: Mode,
        /// Whether the post allowed online (H15).
        allows_online: bool,
        /// Whether the post allowed by post and in person (H15).
        allows_offline: bool,
        /// The post asked nothing in return (H16).
        no_return_needed: bool,
        /// The number of the current terms; 0 is the opening as it was.
        terms_version: u32,
        /// The terms that the opener agreed to last (H12).
        opener_agreed: Option<u32>,
        /// The terms that the asked party agreed to last.
        asked_agreed: Option<u32>,
        /// The terms that hold since the start (H07, H11).
        agreed_version: Option<u32>,
        /// Whether something is done in return; none while nobody has said.
        has_return: Option<bool>,
        /// When it started.
        started_at: Option<Timestamp>,
        /// When the opener reported completion (H21).
        opener_reported_at: Option<Timestamp>,
        /// When the asked party reported completion (H21).
        asked_reported_at: Option<Timestamp>,
        /// When the silent party was reminded (H44).
        reminded_at: Option<Timestamp>,
        /// Completed by policy (H44).
        completed_by_policy: bool,
        /// Until when thanks and evaluation are open (H23).
        open_until: Option<Timestamp>,
        /// Who cancelled or aborted it.
        ended_by: Option<MemberId>,
        /// When it was completed, cancelled or aborted.
        ended_at: Option<Timestamp>,
        /// Why it was cancelled or aborted.
        reason_code: Option<ReasonCode>,
        /// Why, in own words; none once they are erased.
        reason: Option<String> => Exchange of ended_by,
    }
}

table! {
    /// Proposed terms, by number (H07).
    pub struct Terms in "terms"
    by {
        /// The exchange.
        exchange: ExchangeId,
        /// Their number: 1, 2, …
        version: u32,
    }
    with {
        /// Who proposed them, and by that agreed to them.
        proposer: MemberId,
        /// When.
        at: Timestamp,
        /// The mode.
        mode: Mode,
        /// Whether something is done in return.
        has_return: bool,
        /// What is going to be done; none once it is erased.
        what: Option<String> => Exchange of proposer,
        /// When it is going to be done.
        timing: Option<String> => Exchange of proposer,
        /// What is done in return.
        in_return: Option<String> => Exchange of proposer,
    }
}

table! {
    /// A message in the room.
    pub struct Message in "message"
    by {
        /// The exchange.
        exchange: ExchangeId,
        /// The position of the event.
        position: Position,
    }
    with {
        /// Who wrote.
        author: MemberId,
        /// When.
        at: Timestamp,
        /// 調整中の状態のまま投稿する (H26).
        keep_negotiating: bool,
        /// What was written; none once it is erased.
        text: Option<String> => Message of author,
    }
}

table! {
    /// Words about the other party (評価, H22).
    pub struct Evaluation in "evaluation"
    by {
        /// The exchange.
        exchange: ExchangeId,
        /// Who wrote it.
        author: MemberId,
    }
    with {
        /// About whom.
        about: MemberId,
        /// When.
        at: Timestamp,
        /// What was written; none once it is erased or retracted.
        words: Option<String> => Message of author,
        /// When the author took it back.
        retracted_at: Option<Timestamp>,
    }
}

table! {
    /// Thanks that a party sent (H18, H19).
    pub struct RoomThanks in "thanks"
    by {
        /// The exchange.
        exchange: ExchangeId,
        /// Who was helped and thanks.
        sender: MemberId,
    }
    with {
        /// When.
        at: Timestamp,
        /// What was written, if anything.
        words: Option<String> => Message of sender,
        /// Whether something was written that nobody can read any more.
        erased: bool,
    }
    once erased |thanks, _at, taken| { thanks.erased |= taken; }
}

impl Exchange {
    /// Whether this member is one of the two.
    pub fn is_party(&self, member: MemberId) -> bool {
        self.opener == member || self.asked == member
    }

    pub(super) fn agreed_by(&mut self, party: MemberId) -> Result<&mut Option<u32>, FoldError> {
        if party == self.opener {
            return Ok(&mut self.opener_agreed);
        }
        if party == self.asked {
            Ok(&mut self.asked_agreed)
        } else {
            Err(not_a_party(party))
        }
    }

    pub(super) fn reported_by(
        &mut self,
        party: MemberId,
    ) -> Result<&mut Option<Timestamp>, FoldError> {
        if party == self.opener {
            return Ok(&mut self.opener_reported_at);
        }
        if party == self.asked {
            Ok(&mut self.asked_reported_at)
        } else {
            Err(not_a_party(party))
        }
    }

    pub(super) fn ended(
        &mut self,
        event: &Decoded,
        by: MemberId,
        code: ReasonCode,
        reason: Option<&Sealed<String>>,
    ) {
        self.ended_by = Some(by);
        self.ended_at = Some(event.at);
        self.reason_code = Some(code);
        self.reason = reason.and_then(Sealed::text).map(str::to_owned);
    }
}

fn not_a_party(member: MemberId) -> FoldError {
    FoldError::Impossible(format!(
        "{} is not a party of the exchange",
        member.stream()
    ))
}

/// A time that an event carries, as rows hold it.
pub(super) fn stored_time(time: meguri_events::Timestamp) -> Timestamp {
    Timestamp::from_micros(time.as_micros())
}

/// An exchange at its opening: by opening it the opener has agreed to it as it is (H12).
pub(super) fn opened(event: &Decoded, opening: &Opening<'_>) -> Exchange {
    Exchange {
        id: opening.exchange,
        post: opening.post,
        title: opening.title.and_then(Sealed::text).map(str::to_owned),
        opener: opening.opener,
        asked: opening.asked,
        opened: event.position,
        opened_at: event.at,
        version: event.version,
        changed_at: event.at,
        status: ExchangeStatus::Negotiating,
        mode: opening.mode,
        allows_online: opening.allowed.online,
        allows_offline: opening.allowed.offline,
        no_return_needed: opening.no_return_needed,
        terms_version: 0,
        opener_agreed: Some(0),
        asked_agreed: None,
        agreed_version: None,
        has_return: None,
        started_at: None,
        opener_reported_at: None,
        asked_reported_at: None,
        reminded_at: None,
        completed_by_policy: false,
        open_until: None,
        ended_by: None,
        ended_at: None,
        reason_code: None,
        reason: None,
    }
}
