//! Evaluations (評価): words about the other party, once, retractable (H22).

use meguri_events::{EvaluationRetracted, EvaluationWritten, ExchangeEvent, Sealed, Timestamp};

use super::{Evaluation, Exchange, ExchangeError};
use crate::member::ActiveMember;
use crate::text::Words;

impl Exchange {
    /// Writes an evaluation of the other party (H22).
    ///
    /// # Errors
    /// Refused for strangers, twice (also after retracting), before the partner is done, after
    /// the exchange was given up (H24), 30 days after completion (H23).
    pub fn write_evaluation(
        &self,
        by: ActiveMember,
        words: Words,
        now: Timestamp,
    ) -> Result<Vec<ExchangeEvent>, ExchangeError> {
        let side = self.side_of(by)?;
        if self.evaluations[side].is_some() {
            return Err(ExchangeError::AlreadyEvaluated);
        }
        self.open_for_words(side, now)?;
        let (by, about) = (by.id(), self.parties[side.other()]);
        let words = Sealed::Known(words.into());
        Ok(vec![
            EvaluationWritten {
                exchange: self.id,
                by,
                about,
                words,
            }
            .into(),
        ])
    }

    /// Takes one's own evaluation back, at any time (H22); again yields no event.
    ///
    /// # Errors
    /// Refused for strangers, and when there is none.
    pub fn retract_evaluation(
        &self,
        by: ActiveMember,
    ) -> Result<Vec<ExchangeEvent>, ExchangeError> {
        let side = self.side_of(by)?;
        let (by, about) = (by.id(), self.parties[side.other()]);
        match self.evaluations[side] {
            None => Err(ExchangeError::NoEvaluation),
            Some(Evaluation::Retracted) => Ok(vec![]),
            Some(Evaluation::Written) => Ok(vec![
                EvaluationRetracted {
                    exchange: self.id,
                    by,
                    about,
                }
                .into(),
            ]),
        }
    }
}
