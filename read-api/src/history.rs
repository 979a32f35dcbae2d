//! Everything that happened in one exchange: who did it, when, and because of what.

use meguri_events::{ExchangeId, MemberId};
use meguri_views::history::{Asking, HistoryEntry};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::list::{List, Part};
use crate::names::{Names, Person};
use crate::views::View;
use crate::{AnswerError, Freshness, ReadApi, Seen, Viewer};

/// One event of an exchange. What anyone typed is sealed, and not part of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct HistoryAnswer {
    /// Where it stands in the log.
    position: u64,
    /// Its version in the exchange's stream.
    version: u64,
    /// What happened, such as `ThanksSent`.
    #[serde(rename = "type")]
    event_type: String,
    /// The event's id.
    #[schema(format = Uuid)]
    id: String,
    /// When, RFC 3339.
    #[schema(format = DateTime)]
    at: String,
    /// Who did it: `member-…`, `operator-…`, `policy-…` or `system`.
    actor: String,
    /// The member who did it; null where it was no member.
    person: Option<Person>,
    /// For whom, where that is somebody else.
    acting_for: Option<String>,
    /// The id of the first command of the chain.
    #[schema(format = Uuid)]
    correlation: Option<String>,
    /// The id of the event or command that led to this one.
    #[schema(format = Uuid)]
    causation: Option<String>,
    /// The version of the policy in force.
    policy: Option<u32>,
    /// The event's open data, as it stands in the log.
    #[schema(value_type = Object)]
    data: Box<RawValue>,
}

impl HistoryAnswer {
    fn of(entry: HistoryEntry, names: &Names) -> Result<Self, AnswerError> {
        let data = RawValue::from_string(entry.data.as_ref().to_owned());
        let data = data.map_err(|error| AnswerError::internal(&error))?;
        Ok(Self {
            position: entry.position.get(),
            version: entry.version.get(),
            event_type: entry.event_type.as_ref().to_owned(),
            id: entry.id.to_string(),
            at: entry.at.to_string(),
            person: MemberId::from_stream(&entry.actor).map(|member| names.person(member)),
            actor: entry.actor.as_ref().to_owned(),
            acting_for: entry.acting_for.map(|it| it.as_ref().to_owned()),
            correlation: entry.correlation.map(|id| id.to_string()),
            causation: entry.causation.map(|id| id.to_string()),
            policy: entry.policy,
            data,
        })
    }
}

impl ReadApi {
    /// A page of what happened in an exchange, first to last, for its parties and for auditors. It
    /// never holds what anyone wrote.
    pub async fn history(
        &self,
        viewer: &Viewer,
        id: ExchangeId,
        part: Part,
        fresh: Freshness,
    ) -> Result<Seen<List<HistoryAnswer>>, AnswerError> {
        let asking = viewer.principal().require_inquirer()?;
        if asking == Asking::Auditor {
            tracing::info!(auditor = viewer.principal().subject(), "a history is read");
        }
        let seen = self
            .views(&[View::History], &[View::Profiles], fresh)
            .await?;
        let page = seen
            .history()
            .of(id, asking, part.after, part.limit)
            .await?;
        let actor = |entry: &HistoryEntry| MemberId::from_stream(&entry.actor);
        let names = Names::of(self, page.items.iter().filter_map(actor)).await?;
        let next = page.next.map(|cursor| cursor.to_string());
        let items = page.items.into_iter();
        let items = items.map(|entry| HistoryAnswer::of(entry, &names));
        let items = items.collect::<Result<_, _>>()?;
        Ok(Seen::at(seen.position(), List { items, next }))
    }
}
