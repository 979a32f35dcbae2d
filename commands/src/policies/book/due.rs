//! What is due. A duty that is parked hides no other.

use std::time::Duration;

use meguri_domain::FollowUpPeriods;
use meguri_events::MemberId;
use meguri_log::{Position, Timestamp};

use super::super::PolicyError;
use super::super::duty::{Action, Duty, Trigger};
use super::{Book, ask};

type Ending = (String, String, i64, String, Option<String>);
type FollowUp = (String, String, i64, i64, String, Option<String>);
type Erasing = (String, i64, i64, String, Option<String>);
type Departed = (String, i64, String, Option<String>);

impl Book {
    /// What is due at this moment, at most so many of each kind.
    pub(in super::super) async fn due(
        &self,
        now: Timestamp,
        periods: FollowUpPeriods,
        limit: i64,
    ) -> Result<Vec<Duty>, PolicyError> {
        let mut duties = self.due_follow_ups(now, periods, limit).await?;
        duties.extend(self.due_erasures(now, limit).await?);
        duties.extend(self.due_lock_outs(now, limit).await?);
        duties.extend(self.due_ends(now, limit).await?);
        Ok(duties)
    }

    async fn due_lock_outs(&self, now: Timestamp, limit: i64) -> Result<Vec<Duty>, PolicyError> {
        let due = sqlx::query_as(
            "select member, position, event, correlation from departed \
             where locked_out = 0 and not exists (select 1 from parked \
             where kind = 'lock-out' and target = member and again_at > $1) limit $2",
        )
        .bind(now.micros())
        .bind(limit);
        let rows: Vec<Departed> = ask!(self, |book| due.fetch_all(book));
        let duty = |(member, at, event, correlation): Departed| {
            let member = MemberId::from_stream(&member);
            duty(Some(Action::LockOut), member, at, &event, correlation)
        };
        rows.into_iter().map(duty).collect()
    }

    async fn due_ends(&self, now: Timestamp, limit: i64) -> Result<Vec<Duty>, PolicyError> {
        let due = sqlx::query_as(
            "select stream, departed.member, departed.position, event, correlation \
             from departed join held using (member) where not exists (select 1 from parked \
             where kind = 'end' and target = departed.member || ' ' || stream \
             and again_at > $1) limit $2",
        )
        .bind(now.micros())
        .bind(limit);
        let rows: Vec<Ending> = ask!(self, |book| due.fetch_all(book));
        let duty = |(stream, member, at, event, correlation): Ending| {
            let member = MemberId::from_stream(&member);
            duty(Action::end(&stream), member, at, &event, correlation)
        };
        rows.into_iter().map(duty).collect()
    }

    async fn due_follow_ups(
        &self,
        now: Timestamp,
        periods: FollowUpPeriods,
        limit: i64,
    ) -> Result<Vec<Duty>, PolicyError> {
        let before = |period: Duration| {
            now.micros()
                .saturating_sub(i64::try_from(period.as_micros()).unwrap_or(i64::MAX))
        };
        let complete_before = before(periods.complete_after);
        let due = sqlx::query_as(
            "select exchange, silent, reported_at, position, event, correlation from reported \
             where (reported_at <= $1 or (reported_at <= $2 and reminded = 0)) \
             and not exists (select 1 from parked where target = exchange and again_at > $4 \
             and kind = case when reported_at <= $1 then 'complete' else 'remind' end) \
             order by reported_at limit $3",
        )
        .bind(complete_before)
        .bind(before(periods.remind_after))
        .bind(limit)
        .bind(now.micros());
        let rows: Vec<FollowUp> = ask!(self, |book| due.fetch_all(book));
        let duty = |(exchange, silent, reported_at, at, event, correlation): FollowUp| {
            let action = Action::follow_up(&exchange, reported_at <= complete_before);
            let member = MemberId::from_stream(&silent);
            duty(action, member, at, &event, correlation)
        };
        rows.into_iter().map(duty).collect()
    }

    async fn due_erasures(&self, now: Timestamp, limit: i64) -> Result<Vec<Duty>, PolicyError> {
        let due = sqlx::query_as(
            "select member, 1, position, event, correlation from erasing \
             where not exists (select 1 from parked \
             where kind = 'destroy-keys' and target = erasing.event and again_at > $1) \
             union all \
             select member, 0, position, event, correlation from kept \
             where until <= $1 and not exists (select 1 from parked \
             where kind = 'erase-kept' and target = kept.member and again_at > $1) \
             limit $2",
        )
        .bind(now.micros())
        .bind(limit);
        let rows: Vec<Erasing> = ask!(self, |book| due.fetch_all(book));
        let duty = |(member, begun, at, event, correlation): Erasing| {
            let action = if begun == 1 {
                Action::DestroyKeys
            } else {
                Action::EraseKept
            };
            let member = MemberId::from_stream(&member);
            duty(Some(action), member, at, &event, correlation)
        };
        rows.into_iter().map(duty).collect()
    }
}

/// A duty, of a row that this process has written: one that says something else is damaged.
fn duty(
    action: Option<Action>,
    member: Option<MemberId>,
    position: i64,
    event: &str,
    correlation: Option<String>,
) -> Result<Duty, PolicyError> {
    let trigger = trigger(position, event, correlation);
    if let (Some(action), Some(member), Some(trigger)) = (action, member, trigger) {
        return Ok(Duty {
            action,
            member,
            trigger,
        });
    }
    let reason = format!("it says something that nobody has written of {event:?}");
    Err(PolicyError::Book(sqlx::Error::Decode(reason.into())))
}

fn trigger(position: i64, event: &str, correlation: Option<String>) -> Option<Trigger> {
    Some(Trigger {
        position: Position::new(u64::try_from(position).ok()?),
        event: event.parse().ok()?,
        correlation: match correlation {
            Some(id) => Some(id.parse().ok()?),
            None => None,
        },
    })
}
