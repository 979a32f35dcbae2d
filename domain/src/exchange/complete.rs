//! Completing an exchange, by both parties or by policy, and giving it up (H21-H24, H44, H01).

use std::time::Duration;

use meguri_events::{
    CompletionReminded, CompletionReported, ExchangeAborted, ExchangeCancelled, ExchangeCompleted,
    ExchangeEvent, MemberId, ReasonCode, Sealed, Timestamp,
};

use super::{Exchange, ExchangeError, Side, Status};
use crate::member::ActiveMember;
use crate::text::Reason;

const DAY: Duration = Duration::from_hours(24);

/// How long thanks and evaluation stay open after completion (H23).
pub const AFTERWARDS: Duration = DAY.saturating_mul(30);

/// When one-sided completion is followed up (H44). Settings of the community.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FollowUpPeriods {
    /// From the first report to the reminder.
    pub remind_after: Duration,
    /// From the first report to the completion by policy.
    pub complete_after: Duration,
}

impl Default for FollowUpPeriods {
    /// 7 days, 14 days.
    fn default() -> Self {
        Self {
            remind_after: DAY.saturating_mul(7),
            complete_after: DAY.saturating_mul(14),
        }
    }
}

impl Exchange {
    /// Reports that one's own part is done (完了を伝える, H21). The second report completes the
    /// exchange (H23).
    ///
    /// # Errors
    /// Refused for strangers, for a second report, and unless in progress.
    pub fn report_completion(
        &self,
        by: ActiveMember,
        now: Timestamp,
    ) -> Result<Vec<ExchangeEvent>, ExchangeError> {
        let side = self.side_of(by)?;
        if self.reported[side].is_some() {
            return Err(ExchangeError::AlreadyReported);
        }
        self.in_progress()?;
        let partner = self.parties[side.other()];
        let (exchange, by) = (self.id, by.id());
        let mut events = vec![
            CompletionReported {
                exchange,
                by,
                partner,
                reported_at: now,
            }
            .into(),
        ];
        if self.reported[side.other()].is_some() {
            events.push(self.completed(now, false));
        }
        Ok(events)
    }

    /// Gives the exchange up while in progress, with a reason (H24).
    ///
    /// # Errors
    /// Refused for strangers, and unless in progress.
    pub fn abort(
        &self,
        by: ActiveMember,
        reason: Reason,
    ) -> Result<Vec<ExchangeEvent>, ExchangeError> {
        self.side_of(by)?;
        self.in_progress()?;
        let reason = Some(Sealed::Known(reason.into()));
        let reason_code = ReasonCode::OwnWords;
        Ok(vec![
            ExchangeAborted {
                exchange: self.id,
                by: by.id(),
                reason_code,
                reason,
            }
            .into(),
        ])
    }

    /// The policy ends what a member who has left was a party to: cancels it while negotiating,
    /// aborts it while in progress (H01). What is over, or others', yields no event.
    pub fn end_as_party_left(&self, by: MemberId) -> Vec<ExchangeEvent> {
        if self.parties.side_of(by).is_none() {
            return vec![];
        }
        let (exchange, reason_code, reason) = (self.id, ReasonCode::MemberLeft, None);
        match self.status {
            Status::Negotiating => {
                vec![
                    ExchangeCancelled {
                        exchange,
                        by,
                        reason_code,
                        reason,
                    }
                    .into(),
                ]
            }
            Status::InProgress => {
                vec![
                    ExchangeAborted {
                        exchange,
                        by,
                        reason_code,
                        reason,
                    }
                    .into(),
                ]
            }
            Status::Completed | Status::Cancelled | Status::Aborted => vec![],
        }
    }

    /// The policy reminds the party that has not reported, once, when it is due (H44); otherwise
    /// yields no event.
    pub fn remind_completion(
        &self,
        now: Timestamp,
        periods: FollowUpPeriods,
    ) -> Vec<ExchangeEvent> {
        match self.one_sided_report() {
            Some((silent, reported_at))
                if !self.reminded && now >= reported_at.plus(periods.remind_after) =>
            {
                let to = self.parties[silent];
                vec![
                    CompletionReminded {
                        exchange: self.id,
                        to,
                    }
                    .into(),
                ]
            }
            _ => vec![],
        }
    }

    /// The policy takes the silent party's part as done when it is due (H44); otherwise yields
    /// no event.
    pub fn complete_by_policy(
        &self,
        now: Timestamp,
        periods: FollowUpPeriods,
    ) -> Vec<ExchangeEvent> {
        match self.one_sided_report() {
            Some((_, reported_at)) if now >= reported_at.plus(periods.complete_after) => {
                vec![self.completed(now, true)]
            }
            _ => vec![],
        }
    }

    /// When the policy has something to do next, if it ever will as things stand (H44).
    pub fn next_follow_up(&self, periods: FollowUpPeriods) -> Option<Timestamp> {
        let (_, reported_at) = self.one_sided_report()?;
        let complete_at = reported_at.plus(periods.complete_after);
        let remind_at = reported_at.plus(periods.remind_after);
        Some(if self.reminded {
            complete_at
        } else {
            remind_at.min(complete_at)
        })
    }

    /// The side that has not reported, and when the other did; `None` unless just one has.
    fn one_sided_report(&self) -> Option<(Side, Timestamp)> {
        if self.status != Status::InProgress {
            return None;
        }
        match (self.reported.opener, self.reported.asked) {
            (Some(reported_at), None) => Some((Side::Asked, reported_at)),
            (None, Some(reported_at)) => Some((Side::Opener, reported_at)),
            (None, None) | (Some(_), Some(_)) => None,
        }
    }

    fn completed(&self, now: Timestamp, by_policy: bool) -> ExchangeEvent {
        let (opener, asked) = (self.parties.opener, self.parties.asked);
        let open_until = now.plus(AFTERWARDS);
        ExchangeCompleted {
            exchange: self.id,
            opener,
            asked,
            by_policy,
            open_until,
        }
        .into()
    }

    fn in_progress(&self) -> Result<(), ExchangeError> {
        match self.status {
            Status::InProgress => Ok(()),
            Status::Negotiating | Status::Completed | Status::Cancelled | Status::Aborted => {
                Err(ExchangeError::NotInProgress)
            }
        }
    }
}
