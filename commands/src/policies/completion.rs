//! `completion`: one party has reported, the other keeps silent (H44). A reminder, then completion.

use async_trait::async_trait;
use meguri_events::{Event, ExchangeEvent, ExchangeId};
use sqlx::SqliteConnection;

use super::duty::Duty;
use super::policy::{Happened, Policy};
use crate::{CommandError, Commands};

/// The policy.
pub(super) struct Completion;

#[async_trait]
impl Policy for Completion {
    fn name(&self) -> &'static str {
        "completion"
    }

    fn schema(&self) -> &'static str {
        "
        -- Exchanges in which one party has reported completion and the other has not.
        create table reported (
            exchange text primary key,
            silent text not null,
            reported_at integer not null,
            reminded integer not null default 0,
            position integer not null,
            event text not null,
            correlation text
        ) strict;
        create index reported_by_time on reported (reported_at);
        "
    }

    fn wants(&self) -> &'static [&'static str] {
        &[
            "CompletionReported",
            "CompletionReminded",
            "ExchangeCancelled",
            "ExchangeAborted",
            "ExchangeCompleted",
        ]
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "a policy wants few of many events"
    )]
    async fn fold(
        &self,
        rows: &mut SqliteConnection,
        fact: &Event,
        happened: &Happened<'_>,
    ) -> Result<(), sqlx::Error> {
        let Event::Exchange(event) = fact else {
            return Ok(());
        };
        let change = match event {
            ExchangeEvent::CompletionReported(reported) => sqlx::query(
                "insert into reported \
                 (exchange, silent, reported_at, position, event, correlation) \
                 values ($1, $2, $3, $4, $5, $6) on conflict do nothing",
            )
            .bind(happened.stream)
            .bind(reported.partner.stream())
            .bind(reported.reported_at.as_micros())
            .bind(happened.position)
            .bind(&happened.event)
            .bind(&happened.correlation),
            ExchangeEvent::CompletionReminded(_) => {
                sqlx::query("update reported set reminded = 1 where exchange = $1")
                    .bind(happened.stream)
            }
            _ => sqlx::query("delete from reported where exchange = $1").bind(happened.stream),
        };
        change.execute(rows).await?;
        Ok(())
    }

    fn due(&self) -> &'static str {
        "select 'complete' action, exchange target, silent member,
            reported_at + complete_after at, position, event, correlation
         from reported, clock
         union all
         select 'remind', exchange, silent, reported_at + remind_after, position, event, correlation
         from reported, clock where reminded = 0 and reported_at + complete_after > now"
    }

    async fn perform(&self, duty: &Duty, commands: &Commands) -> Result<(), CommandError> {
        let (id, caller) = (duty.about(ExchangeId::from_stream)?, duty.caller());
        let periods = commands.settings().follow_up;
        let done = if duty.action == "complete" {
            let complete =
                |exchange: &meguri_domain::Exchange, now| exchange.complete_by_policy(now, periods);
            commands
                .follow_up("complete_by_policy", &caller, id, complete)
                .await
        } else {
            let remind =
                |exchange: &meguri_domain::Exchange, now| exchange.remind_completion(now, periods);
            commands
                .follow_up("remind_completion", &caller, id, remind)
                .await
        };
        done.map(drop)
    }
}
