//! `erasure`: the keys that an erasure names are destroyed; what was kept for its legal term is
//! erased when that has ended.

use async_trait::async_trait;
use meguri_events::{Event, KeyClass, KeyRange, MemberErased, MemberEvent, MemberId};
use meguri_log::Position;
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::duty::{Duty, Trigger};
use super::policy::{Happened, Policy};
use crate::{Caller, CommandError, Commands};

const NAME: &str = "erasure";
const DESTROY_KEYS: &str = "destroy-keys";

/// Keys of a member under which nothing is to be known any more.
pub(super) type Erased = (MemberId, Vec<KeyRange>);

/// The policy.
pub(super) struct Erasure;

#[async_trait]
impl Policy for Erasure {
    fn name(&self) -> &'static str {
        NAME
    }

    fn schema(&self) -> &'static str {
        "
        -- Erasures of which nobody has said yet that their keys are destroyed.
        create table erasing (
            event text primary key,
            member text not null,
            position integer not null,
            correlation text
        ) strict;

        -- What was not erased with a member because it has to be kept, and until when.
        create table kept (
            member text primary key,
            until integer not null,
            position integer not null,
            event text not null,
            correlation text
        ) strict;
        "
    }

    fn wants(&self) -> &'static [&'static str] {
        &["MemberErased", "KeysDestroyed"]
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
        match fact {
            Event::Member(MemberEvent::MemberErased(erased)) => begin(rows, erased, happened).await,
            // All erasures of a member that came before are done at once.
            Event::Member(MemberEvent::KeysDestroyed(destroyed)) => {
                sqlx::query("delete from erasing where member = $1")
                    .bind(destroyed.member.stream())
                    .execute(rows)
                    .await?;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn due(&self) -> &'static str {
        "select 'destroy-keys' action, '' target, member, null at, position, event, correlation
         from erasing
         union all
         select 'erase-kept', '', member, until, position, event, correlation from kept"
    }

    async fn perform(&self, duty: &Duty, commands: &Commands) -> Result<(), CommandError> {
        if duty.action == DESTROY_KEYS {
            commands.destroy_keys(&duty.caller()).await
        } else {
            commands.erase_kept(&duty.caller()).await
        }
    }
}

async fn begin(
    rows: &mut SqliteConnection,
    erased: &MemberErased,
    happened: &Happened<'_>,
) -> Result<(), sqlx::Error> {
    let member = erased.member.stream();
    sqlx::query("insert into erasing values ($1, $2, $3, $4) on conflict do nothing")
        .bind(&happened.event)
        .bind(&member)
        .bind(happened.position)
        .bind(&happened.correlation)
        .execute(&mut *rows)
        .await?;
    if erased.keys.iter().any(|keys| keys.class == KeyClass::Money) {
        sqlx::query("delete from kept where member = $1")
            .bind(&member)
            .execute(&mut *rows)
            .await?;
    }
    if let Some(until) = erased.kept_until {
        sqlx::query("insert or replace into kept values ($1, $2, $3, $4, $5)")
            .bind(&member)
            .bind(until.as_micros())
            .bind(happened.position)
            .bind(&happened.event)
            .bind(&happened.correlation)
            .execute(rows)
            .await?;
    }
    Ok(())
}

/// What an event erases: this process forgets those keys, whoever asked for it.
#[expect(clippy::wildcard_enum_match_arm, reason = "two of many events erase")]
pub(super) fn erased_by(fact: Event) -> Option<Erased> {
    match fact {
        Event::Member(MemberEvent::MemberErased(erased)) => Some((erased.member, erased.keys)),
        Event::Member(MemberEvent::KeysDestroyed(gone)) => Some((gone.member, gone.keys)),
        _ => None,
    }
}

/// The caller that destroys the keys of an erasure that stands here: the same, under the same key,
/// whether it is done at once or later by a runner.
pub(crate) fn destroyer(
    member: MemberId,
    position: Position,
    event: Uuid,
    correlation: Option<Uuid>,
) -> Caller {
    let trigger = Trigger {
        position,
        event,
        correlation,
    };
    Duty::of_member(NAME, DESTROY_KEYS, member, trigger).caller()
}
