//! Thanks (ありがとう): by a party that was helped, once (H18-H20).

use meguri_events::{ExchangeEvent, Sealed, ThanksSent, Timestamp};

use super::{Exchange, ExchangeError, Side, Status};
use crate::member::ActiveMember;
use crate::text::Words;

impl Exchange {
    /// Sends thanks to the other party, with or without words (H18).
    ///
    /// # Errors
    /// Refused for strangers, twice (H19), for a party that was not helped, before the partner
    /// is done (H18), after the exchange was given up (H24), 30 days after completion (H23).
    pub fn send_thanks(
        &self,
        from: ActiveMember,
        words: Option<Words>,
        now: Timestamp,
    ) -> Result<Vec<ExchangeEvent>, ExchangeError> {
        let side = self.side_of(from)?;
        if self.thanked[side] {
            return Err(ExchangeError::AlreadyThanked);
        }
        self.open_for_words(side, now)?;
        if !self.helped(side) {
            return Err(ExchangeError::NotHelped);
        }
        let (from, to) = (from.id(), self.parties[side.other()]);
        let words = words.map(|words| Sealed::Known(words.into()));
        Ok(vec![
            ThanksSent {
                exchange: self.id,
                from,
                to,
                words,
            }
            .into(),
        ])
    }

    /// Whether a side may speak of what the other has done: once the other's part is done
    /// (H18, H22), until 30 days after completion (H23), and never when it was given up (H24).
    pub(super) fn open_for_words(&self, side: Side, now: Timestamp) -> Result<(), ExchangeError> {
        if matches!(self.status, Status::Cancelled | Status::Aborted) {
            return Err(ExchangeError::GivenUp);
        }
        if !self.is_done(side.other()) {
            return Err(ExchangeError::PartnerNotDone);
        }
        if self.open_until.is_some_and(|open_until| now > open_until) {
            return Err(ExchangeError::TooLate);
        }
        Ok(())
    }
}
