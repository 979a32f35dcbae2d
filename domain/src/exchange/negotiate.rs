//! Negotiating: messages, terms, agreement, cancelling (H06-H15, H25-H27).

use meguri_events::{
    ExchangeCancelled, ExchangeEvent, ExchangeStarted, MessagePosted, Mode, ReasonCode, Sealed,
    TermsAgreed, TermsProposed, TermsText,
};

use super::{Exchange, ExchangeError, Side, Status};
use crate::member::ActiveMember;
use crate::text::{MessageText, Reason, ReturnText, WhatText, WhenText};

/// Terms that a party proposes (H07).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// What is going to be done.
    pub what: WhatText,
    /// When.
    pub when: Option<WhenText>,
    /// How; bound by what the post allowed at the opening (H15).
    pub mode: Mode,
    /// What is done in return; nothing, if it is for nothing (H16).
    pub in_return: Option<ReturnText>,
}

impl Exchange {
    /// Writes in the room (H05). While negotiating, a message of the party with the right to
    /// decide is agreement to the terms that it names, unless it says `keep_negotiating`
    /// (H25-H27). In every other message the number of the terms means nothing.
    ///
    /// # Errors
    /// Refused for strangers, and once the exchange is over (H23); where the message agrees, for
    /// any number but the latest, and for none: nobody agrees to terms that they have not seen.
    pub fn post_message(
        &self,
        by: ActiveMember,
        text: MessageText,
        keep_negotiating: bool,
        terms_version: Option<u32>,
    ) -> Result<Vec<ExchangeEvent>, ExchangeError> {
        let side = self.side_of(by)?;
        if !self.is_open() {
            return Err(ExchangeError::RoomClosed);
        }
        let decides = side == Side::Asked && self.status == Status::Negotiating;
        let agreement = if decides && !keep_negotiating {
            let latest = self.terms.version;
            let named = terms_version.ok_or(ExchangeError::TermsNotNamed { latest })?;
            self.named_latest(named)?;
            self.consent(side)
        } else {
            vec![]
        };
        let to = self.parties[side.other()];
        let text = Sealed::Known(text.into());
        let message = MessagePosted {
            exchange: self.id,
            by: by.id(),
            to,
            keep_negotiating,
            text,
        };
        let mut events = vec![message.into()];
        events.extend(agreement);
        Ok(events)
    }

    /// Proposes terms, which is consent to them (H07).
    ///
    /// # Errors
    /// Refused for strangers, after the negotiation, and in a mode that was not allowed at the
    /// opening (H15).
    pub fn propose_terms(
        &self,
        by: ActiveMember,
        terms: Terms,
    ) -> Result<Vec<ExchangeEvent>, ExchangeError> {
        self.side_of(by)?;
        self.negotiating()?;
        let Terms {
            what,
            when,
            mode,
            in_return,
        } = terms;
        if !self.allowed.allow(mode) {
            return Err(ExchangeError::ModeNotAllowed { mode });
        }
        let has_return = in_return.is_some();
        let terms = TermsText {
            what: what.into(),
            when: when.map(String::from),
            in_return: in_return.map(String::from),
        };
        Ok(vec![
            TermsProposed {
                exchange: self.id,
                by: by.id(),
                version: self.terms.version.saturating_add(1),
                mode,
                has_return,
                terms: terms.into(),
            }
            .into(),
        ])
    }

    /// Agrees to the latest terms by their number; 0 stands for the opening as it was. When
    /// both have agreed to them the exchange starts, whoever is last (H07, H10-H12). Agreeing
    /// again yields no event.
    ///
    /// # Errors
    /// Refused for strangers, after the negotiation, and for any number but the latest.
    pub fn agree(
        &self,
        by: ActiveMember,
        version: u32,
    ) -> Result<Vec<ExchangeEvent>, ExchangeError> {
        let side = self.side_of(by)?;
        let agreed_already = self.agreed[side] == Some(version);
        if agreed_already && self.status == Status::InProgress {
            return Ok(vec![]);
        }
        self.negotiating()?;
        self.named_latest(version)?;
        Ok(self.consent(side))
    }

    /// Ends the negotiation for good (H06, H09).
    ///
    /// # Errors
    /// Refused for strangers, and after the negotiation.
    pub fn cancel(
        &self,
        by: ActiveMember,
        reason: Option<Reason>,
    ) -> Result<Vec<ExchangeEvent>, ExchangeError> {
        self.side_of(by)?;
        self.negotiating()?;
        let reason = reason.map(|reason| Sealed::Known(reason.into()));
        let reason_code = ReasonCode::OwnWords;
        Ok(vec![
            ExchangeCancelled {
                exchange: self.id,
                by: by.id(),
                reason_code,
                reason,
            }
            .into(),
        ])
    }

    /// Whether these are the latest terms.
    fn named_latest(&self, version: u32) -> Result<(), ExchangeError> {
        let latest = self.terms.version;
        if version == latest {
            Ok(())
        } else {
            Err(ExchangeError::TermsChanged { latest })
        }
    }

    fn negotiating(&self) -> Result<(), ExchangeError> {
        match self.status {
            Status::Negotiating => Ok(()),
            Status::InProgress | Status::Completed | Status::Cancelled | Status::Aborted => {
                Err(ExchangeError::NotNegotiating)
            }
        }
    }

    /// A side's consent to the latest terms, and the start if the other side has consented.
    fn consent(&self, side: Side) -> Vec<ExchangeEvent> {
        let (exchange, terms) = (self.id, self.terms);
        let version = terms.version;
        if self.agreed[side] == Some(version) {
            return vec![];
        }
        let mut events = vec![
            TermsAgreed {
                exchange,
                by: self.parties[side],
                version,
            }
            .into(),
        ];
        if self.agreed[side.other()] == Some(version) {
            let (mode, has_return) = (terms.mode, terms.has_return);
            events.push(
                ExchangeStarted {
                    exchange,
                    version,
                    mode,
                    has_return,
                }
                .into(),
            );
        }
        events
    }
}
