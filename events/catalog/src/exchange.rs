//! What happens in an exchange, from its opening to thanks.

use crate::ids::{ExchangeId, MemberId, NeedId, OfferId};
use crate::mode::{Mode, Modes};
use crate::plaintext::plaintext;
use crate::reason::ReasonCode;
use crate::sealed::Sealed;
use crate::timestamp::Timestamp;

event! {
    /// A member asked the owner of an Offer for help (スケットを頼む, H02, H05).
    pub struct ExchangeRequested, schema 1;
    open {
        /// The exchange that this opens.
        exchange: ExchangeId,
        /// The Offer.
        offer: OfferId,
        /// The member who asks, and is going to be helped.
        requester: MemberId,
        /// The member who was asked, and has the right to decide (H12).
        owner: MemberId,
        /// The mode that is asked for.
        mode: Mode,
        /// The modes the Offer allows now; they bind all terms (H15).
        allowed: Modes,
        /// The Offer asks nothing in return (H16).
        no_return_needed: bool,
    }
    sealed {
        /// The Offer's title as it read then.
        title: Option<Sealed<String>> => Profile of owner,
        /// The first message in the room.
        message: Sealed<String> => Message of requester,
    }
}

event! {
    /// A helper applied on a Need (スケット申し込み, H04, H08).
    pub struct ExchangeApplied, schema 1;
    open {
        /// The exchange that this opens.
        exchange: ExchangeId,
        /// The Need.
        need: NeedId,
        /// The member who applies to help.
        applicant: MemberId,
        /// The Need's poster, who is going to be helped and has the right to decide (H10).
        poster: MemberId,
        /// The mode that is proposed.
        mode: Mode,
        /// The modes the Need allows now; they bind all terms (H15).
        allowed: Modes,
        /// The Need says that no return is needed (H16).
        no_return_needed: bool,
    }
    sealed {
        /// The Need's title as it read then.
        title: Option<Sealed<String>> => Profile of poster,
        /// The first message in the room.
        message: Sealed<String> => Message of applicant,
    }
}

event! {
    /// A party wrote in the room.
    pub struct MessagePosted, schema 1;
    open {
        /// The exchange.
        exchange: ExchangeId,
        /// The member who wrote.
        by: MemberId,
        /// The other party.
        to: MemberId,
        /// 調整中の状態のまま投稿する: the message does not agree to anything (H26).
        keep_negotiating: bool,
    }
    sealed {
        /// What was written.
        text: Sealed<String> => Message of by,
    }
}

plaintext! {
    /// The words of proposed terms.
    pub struct TermsText {
        /// What is going to be done.
        pub what as "what": String, "text";
        /// When.
        pub when as "when": Option<String>, "text or null";
        /// What is done in return, if anything.
        pub in_return as "return": Option<String>, "text or null";
    }
}

event! {
    /// A party proposed terms, and by that agreed to them (H07).
    pub struct TermsProposed, schema 1;
    open {
        /// The exchange.
        exchange: ExchangeId,
        /// The member who proposes.
        by: MemberId,
        /// Number of the terms: 1, 2, ...; 0 stands for the opening as it was.
        version: u32,
        /// The mode.
        mode: Mode,
        /// Something is done in return.
        has_return: bool,
    }
    sealed {
        /// The terms in words.
        terms: Sealed<TermsText> => Exchange of by,
    }
}

event! {
    /// A party agreed to terms (H07, H10, H11, H12).
    pub struct TermsAgreed, schema 1;
    open {
        /// The exchange.
        exchange: ExchangeId,
        /// The member who agrees.
        by: MemberId,
        /// Number of the terms agreed to.
        version: u32,
    }
}

event! {
    /// Both have agreed to the same terms: the exchange is in progress (H07, H11).
    pub struct ExchangeStarted, schema 1;
    open {
        /// The exchange.
        exchange: ExchangeId,
        /// Number of the terms that hold from now on.
        version: u32,
        /// Their mode.
        mode: Mode,
        /// Whether something is done in return.
        has_return: bool,
    }
}

event! {
    /// The exchange was cancelled while it was negotiated (H06, H09).
    pub struct ExchangeCancelled, schema 1;
    open {
        /// The exchange.
        exchange: ExchangeId,
        /// The member who cancels, or has left.
        by: MemberId,
        /// Why.
        reason_code: ReasonCode,
    }
    sealed {
        /// Why, in own words.
        reason: Option<Sealed<String>> => Exchange of by,
    }
}

event! {
    /// A party reported that its own part is done (H21).
    pub struct CompletionReported, schema 1;
    open {
        /// The exchange.
        exchange: ExchangeId,
        /// The member who reports.
        by: MemberId,
        /// The other party.
        partner: MemberId,
        /// When; reminder and automatic completion count from it (H44).
        reported_at: Timestamp,
    }
}

event! {
    /// A party was reminded that the other has reported completion (H44).
    pub struct CompletionReminded, schema 1;
    open {
        /// The exchange.
        exchange: ExchangeId,
        /// The member who is reminded.
        to: MemberId,
    }
}

event! {
    /// Both parts are done (H23), or a policy took the silent party's part as done (H44).
    pub struct ExchangeCompleted, schema 1;
    open {
        /// The exchange.
        exchange: ExchangeId,
        /// The member who opened the exchange.
        opener: MemberId,
        /// The member who was asked.
        asked: MemberId,
        /// Completed by policy, one party not having reported (H44).
        by_policy: bool,
        /// Until when thanks and evaluation are open (H23).
        open_until: Timestamp,
    }
}

event! {
    /// The exchange was given up while in progress: it does not count (H24).
    pub struct ExchangeAborted, schema 1;
    open {
        /// The exchange.
        exchange: ExchangeId,
        /// The member who gives up, or has left.
        by: MemberId,
        /// Why.
        reason_code: ReasonCode,
    }
    sealed {
        /// Why, in own words.
        reason: Option<Sealed<String>> => Exchange of by,
    }
}

event! {
    /// A party wrote about the other (評価, H22).
    pub struct EvaluationWritten, schema 1;
    open {
        /// The exchange.
        exchange: ExchangeId,
        /// The member who writes.
        by: MemberId,
        /// About whom.
        about: MemberId,
    }
    sealed {
        /// What was written.
        words: Sealed<String> => Message of by,
    }
}

event! {
    /// The author took an evaluation back (H22).
    pub struct EvaluationRetracted, schema 1;
    open {
        /// The exchange.
        exchange: ExchangeId,
        /// The member who had written it.
        by: MemberId,
        /// About whom it was.
        about: MemberId,
    }
}

event! {
    /// Gratitude of a party that was helped (ありがとう, H18-H20).
    pub struct ThanksSent, schema 1;
    open {
        /// The exchange.
        exchange: ExchangeId,
        /// The member who was helped and thanks.
        from: MemberId,
        /// The member who helped; the thanks counts for them for ever (H20).
        to: MemberId,
    }
    sealed {
        /// What was written, if anything (H18).
        words: Option<Sealed<String>> => Message of from,
    }
}

events! {
    /// What can happen in an exchange.
    pub enum ExchangeEvent in Exchange {
        ExchangeRequested,
        ExchangeApplied,
        MessagePosted,
        TermsProposed,
        TermsAgreed,
        ExchangeStarted,
        ExchangeCancelled,
        CompletionReported,
        CompletionReminded,
        ExchangeCompleted,
        ExchangeAborted,
        EvaluationWritten,
        EvaluationRetracted,
        ThanksSent,
    }
}
