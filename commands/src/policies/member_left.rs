//! `member-left`: what a member who leaves has running ends (H01): their posts are closed, their
//! negotiations cancelled, what is in progress aborted, their tokens and password taken away.

use async_trait::async_trait;
use meguri_events::{Event, ExchangeEvent, ExchangeId, MemberEvent, MemberId, PostEvent, PostId};
use sqlx::SqliteConnection;

use super::duty::Duty;
use super::policy::{Happened, Policy};
use crate::{CommandError, Commands};

/// The policy.
pub(super) struct MemberLeft;

#[async_trait]
impl Policy for MemberLeft {
    fn name(&self) -> &'static str {
        "member-left"
    }

    fn schema(&self) -> &'static str {
        "
        -- Open posts by author, and open exchanges by party.
        create table held (
            member text not null,
            stream text not null,
            primary key (member, stream)
        ) strict, without rowid;
        create index held_by_stream on held (stream);

        -- Members who have left, and whether their tokens and password are gone.
        create table departed (
            member text primary key,
            locked_out integer not null default 0,
            position integer not null,
            event text not null,
            correlation text
        ) strict;
        "
    }

    fn wants(&self) -> &'static [&'static str] {
        &[
            "NeedPosted",
            "NeedReopened",
            "NeedClosed",
            "OfferPosted",
            "OfferReopened",
            "OfferClosed",
            "ExchangeRequested",
            "ExchangeApplied",
            "ExchangeCancelled",
            "ExchangeAborted",
            "ExchangeCompleted",
            "MemberLeft",
        ]
    }

    async fn fold(
        &self,
        rows: &mut SqliteConnection,
        fact: &Event,
        happened: &Happened<'_>,
    ) -> Result<(), sqlx::Error> {
        if let Event::Member(MemberEvent::MemberLeft(left)) = fact {
            let insert = sqlx::query(
                "insert into departed (member, position, event, correlation) \
                 values ($1, $2, $3, $4) on conflict do nothing",
            );
            let insert = insert.bind(left.member.stream()).bind(happened.position);
            let insert = insert.bind(&happened.event).bind(&happened.correlation);
            insert.execute(rows).await?;
            return Ok(());
        }
        let holders = holders(fact);
        for member in &holders {
            sqlx::query("insert into held values ($1, $2) on conflict do nothing")
                .bind(member.stream())
                .bind(happened.stream)
                .execute(&mut *rows)
                .await?;
        }
        if holders.is_empty() {
            sqlx::query("delete from held where stream = $1")
                .bind(happened.stream)
                .execute(rows)
                .await?;
        }
        Ok(())
    }

    fn due(&self) -> &'static str {
        "select case when stream like 'exchange-%' then 'end' else 'close' end action,
            stream target, departed.member member, null at, position, event, correlation
         from departed join held using (member)
         union all
         select 'lock-out', '', member, null, position, event, correlation
         from departed where locked_out = 0"
    }

    async fn perform(&self, duty: &Duty, commands: &Commands) -> Result<(), CommandError> {
        let (member, caller) = (duty.member, duty.caller());
        match duty.action.as_str() {
            "end" => {
                let id = duty.about(ExchangeId::from_stream)?;
                let end =
                    |exchange: &meguri_domain::Exchange, _| exchange.end_as_party_left(member);
                let done = commands.follow_up("end_as_party_left", &caller, id, end);
                done.await.map(drop)
            }
            "close" => {
                let id = duty.about(PostId::from_stream)?;
                commands.close_as_author_left(&caller, id).await.map(drop)
            }
            _ => Ok(commands.log().vault().lock_out(&member.stream()).await?),
        }
    }

    fn noted_by(&self, duty: &Duty) -> Option<&'static str> {
        let by = "update departed set locked_out = 1 where member = $1";
        (duty.action == "lock-out").then_some(by)
    }
}

/// The members who have a post or an exchange from now on; nobody, where it ends.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a policy wants few of many events"
)]
fn holders(fact: &Event) -> Vec<MemberId> {
    match fact {
        Event::Post(PostEvent::NeedPosted(event)) => vec![event.by],
        Event::Post(PostEvent::NeedReopened(event)) => vec![event.by],
        Event::Post(PostEvent::OfferPosted(event)) => vec![event.by],
        Event::Post(PostEvent::OfferReopened(event)) => vec![event.by],
        Event::Exchange(ExchangeEvent::ExchangeRequested(event)) => {
            vec![event.requester, event.owner]
        }
        Event::Exchange(ExchangeEvent::ExchangeApplied(event)) => {
            vec![event.applicant, event.poster]
        }
        _ => Vec::new(),
    }
}
