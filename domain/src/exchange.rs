//! An exchange: two parties, from the opening to thanks. Here its state, and how events change it.
//!
//! What may happen is decided next door: [`open`] an exchange, [`negotiate`] its terms,
//! [`complete`] it or give it up, send [`thanks`], write an [`evaluation`].

mod complete;
mod error;
mod evaluation;
mod negotiate;
mod open;
mod parties;
mod thanks;

use meguri_events::{
    Event, ExchangeApplied, ExchangeEvent, ExchangeId, ExchangeRequested, MemberId, Mode, Modes,
    PostId, Timestamp,
};

pub use complete::{AFTERWARDS, FollowUpPeriods};
pub use error::ExchangeError;
pub use negotiate::Terms;
pub use open::Opening;
pub use parties::{Side, Sides};

use crate::member::ActiveMember;
use crate::{Aggregate, Counts};

/// Where an exchange stands (H24). It only moves forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// 調整中: terms are adjusted.
    Negotiating,
    /// 交換中: both have agreed.
    InProgress,
    /// 完了: both parts are done. Final.
    Completed,
    /// Ended while negotiating. Final.
    Cancelled,
    /// Given up while in progress. Final.
    Aborted,
}

/// The latest terms, as far as they are open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct CurrentTerms {
    /// 0 for the opening as it was, then counted up.
    version: u32,
    mode: Mode,
    has_return: bool,
}

/// What became of a party's evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Evaluation {
    Written,
    Retracted,
}

/// An exchange, as its stream tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    id: ExchangeId,
    post: PostId,
    parties: Sides<MemberId>,
    allowed: Modes,
    status: Status,
    terms: CurrentTerms,
    /// Version of the terms that each side agreed to last.
    agreed: Sides<Option<u32>>,
    reported: Sides<Option<Timestamp>>,
    reminded: bool,
    open_until: Option<Timestamp>,
    thanked: Sides<bool>,
    evaluations: Sides<Option<Evaluation>>,
}

impl Exchange {
    /// Which exchange it is.
    pub const fn id(&self) -> ExchangeId {
        self.id
    }

    /// The post on which it was opened.
    pub const fn post(&self) -> PostId {
        self.post
    }

    /// The member who opened it.
    pub const fn opener(&self) -> MemberId {
        self.parties.opener
    }

    /// The member who was asked, and has the right to decide (H10, H12).
    pub const fn asked(&self) -> MemberId {
        self.parties.asked
    }

    /// Where it stands.
    pub const fn status(&self) -> Status {
        self.status
    }

    /// Number of the latest terms; 0 stands for the opening as it was.
    pub const fn terms_version(&self) -> u32 {
        self.terms.version
    }

    /// Number of the terms that this side agreed to last (H07).
    pub fn agreed_to(&self, side: Side) -> Option<u32> {
        self.agreed[side]
    }

    /// When this side reported that its part is done (H21).
    pub fn reported_at(&self, side: Side) -> Option<Timestamp> {
        self.reported[side]
    }

    /// Whether this side has sent its thanks (H19).
    pub fn has_thanked(&self, side: Side) -> bool {
        self.thanked[side]
    }

    /// Whether it still holds the claim of the one open exchange of post and opener (H05, H08).
    pub const fn is_open(&self) -> bool {
        matches!(self.status, Status::Negotiating | Status::InProgress)
    }

    /// Whether this member was helped, or is going to be, by the latest terms: the one who needs
    /// help always, the helper where something is done in return (H16, H18).
    pub fn was_helped(&self, member: MemberId) -> bool {
        self.parties
            .side_of(member)
            .is_some_and(|side| self.helped(side))
    }

    fn helped(&self, side: Side) -> bool {
        let in_need = match self.post {
            PostId::Need(_) => Side::Asked,
            PostId::Offer(_) => Side::Opener,
        };
        side == in_need || self.terms.has_return
    }

    /// Whether this side's part is known to be done: reported, or taken as done by policy (H44).
    fn is_done(&self, side: Side) -> bool {
        self.reported[side].is_some() || self.status == Status::Completed
    }

    fn side_of(&self, member: ActiveMember) -> Result<Side, ExchangeError> {
        self.parties
            .side_of(member.id())
            .ok_or(ExchangeError::NotAParty)
    }
}

/// What an opening says, whether by request or by application.
struct Opened {
    id: ExchangeId,
    post: PostId,
    parties: Sides<MemberId>,
    mode: Mode,
    allowed: Modes,
    no_return_needed: bool,
}

impl From<&ExchangeRequested> for Opened {
    fn from(e: &ExchangeRequested) -> Self {
        Self {
            id: e.exchange,
            post: e.offer.into(),
            parties: Sides {
                opener: e.requester,
                asked: e.owner,
            },
            mode: e.mode,
            allowed: e.allowed,
            no_return_needed: e.no_return_needed,
        }
    }
}

impl From<&ExchangeApplied> for Opened {
    fn from(e: &ExchangeApplied) -> Self {
        Self {
            id: e.exchange,
            post: e.need.into(),
            parties: Sides {
                opener: e.applicant,
                asked: e.poster,
            },
            mode: e.mode,
            allowed: e.allowed,
            no_return_needed: e.no_return_needed,
        }
    }
}

impl From<Opened> for Exchange {
    fn from(opened: Opened) -> Self {
        let has_return = !opened.no_return_needed;
        Self {
            id: opened.id,
            post: opened.post,
            parties: opened.parties,
            allowed: opened.allowed,
            status: Status::Negotiating,
            terms: CurrentTerms {
                version: 0,
                mode: opened.mode,
                has_return,
            },
            // The opener's consent is the opening itself (H12).
            agreed: Sides {
                opener: Some(0),
                asked: None,
            },
            reported: Sides::default(),
            reminded: false,
            open_until: None,
            thanked: Sides::default(),
            evaluations: Sides::default(),
        }
    }
}

impl Exchange {
    /// Applies an event that follows on the opening.
    fn apply(&mut self, event: &ExchangeEvent) {
        match event {
            ExchangeEvent::ExchangeRequested(_)
            | ExchangeEvent::ExchangeApplied(_)
            | ExchangeEvent::MessagePosted(_) => {}
            ExchangeEvent::TermsProposed(e) => {
                let (version, mode, has_return) = (e.version, e.mode, e.has_return);
                self.terms = CurrentTerms {
                    version,
                    mode,
                    has_return,
                };
                self.agreed.set(e.by, self.parties, Some(version));
            }
            ExchangeEvent::TermsAgreed(e) => {
                self.agreed.set(e.by, self.parties, Some(e.version));
            }
            ExchangeEvent::ExchangeStarted(_) => self.status = Status::InProgress,
            ExchangeEvent::ExchangeCancelled(_) => self.status = Status::Cancelled,
            ExchangeEvent::ExchangeAborted(_) => self.status = Status::Aborted,
            ExchangeEvent::CompletionReported(e) => {
                self.reported.set(e.by, self.parties, Some(e.reported_at));
            }
            ExchangeEvent::CompletionReminded(_) => self.reminded = true,
            ExchangeEvent::ExchangeCompleted(e) => {
                self.status = Status::Completed;
                self.open_until = Some(e.open_until);
            }
            ExchangeEvent::EvaluationWritten(e) => {
                self.evaluations
                    .set(e.by, self.parties, Some(Evaluation::Written));
            }
            ExchangeEvent::EvaluationRetracted(e) => {
                self.evaluations
                    .set(e.by, self.parties, Some(Evaluation::Retracted));
            }
            ExchangeEvent::ThanksSent(e) => self.thanked.set(e.from, self.parties, true),
        }
    }
}

impl Aggregate for Exchange {
    type Event = ExchangeEvent;

    const NEUTRAL: &'static [&'static str] = &["MessagePosted"];

    const FOLD: u32 = 1;

    fn counts(event: &ExchangeEvent) -> Counts {
        let of = |what: &str, by: MemberId| Counts::UntilNext(format!("{what} of {by}"));
        match event {
            ExchangeEvent::MessagePosted(_) => Counts::Never,
            // Both are apart: terms that somebody proposed stand when the other agrees to them.
            ExchangeEvent::TermsProposed(e) => of("terms", e.by),
            ExchangeEvent::TermsAgreed(e) => of("consent", e.by),
            ExchangeEvent::EvaluationWritten(e) => of("evaluation", e.by),
            ExchangeEvent::EvaluationRetracted(e) => of("evaluation", e.by),
            // Once in an exchange, or once of each party.
            ExchangeEvent::ExchangeRequested(_)
            | ExchangeEvent::ExchangeApplied(_)
            | ExchangeEvent::ExchangeStarted(_)
            | ExchangeEvent::ExchangeCancelled(_)
            | ExchangeEvent::ExchangeAborted(_)
            | ExchangeEvent::CompletionReported(_)
            | ExchangeEvent::CompletionReminded(_)
            | ExchangeEvent::ExchangeCompleted(_)
            | ExchangeEvent::ThanksSent(_) => Counts::Always,
        }
    }

    fn event(event: &Event) -> Option<&ExchangeEvent> {
        if let Event::Exchange(event) = event {
            Some(event)
        } else {
            None
        }
    }

    fn evolve(state: Option<Self>, event: &ExchangeEvent) -> Option<Self> {
        match (state, event) {
            (None, ExchangeEvent::ExchangeRequested(opened)) => Some(Opened::from(opened).into()),
            (None, ExchangeEvent::ExchangeApplied(opened)) => Some(Opened::from(opened).into()),
            (None, _) => None,
            (Some(mut exchange), event) => {
                exchange.apply(event);
                Some(exchange)
            }
        }
    }
}
