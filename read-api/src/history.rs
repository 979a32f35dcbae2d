//! Everything that happened in one exchange: who did it, when, and because of what.

use axum::extract::State;
use meguri_engine::AsOf;
use meguri_events::{ExchangeId, MemberId};
use meguri_http::{Path, Problem, Query, ReadProblems, kinds};
use meguri_views::{history::Asking, history::HistoryEntry};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use crate::asker::Inquirer;
use crate::freshness::Seen;
use crate::list::List;
use crate::names::{Names, Person};
use crate::views::{View, refusal};
use crate::{ReadApi, codes, freshness, list};

/// One event of an exchange. What anyone typed is sealed, and not part of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HistoryAnswer {
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
    fn of(entry: HistoryEntry, names: &Names) -> Result<Self, Problem> {
        let data = RawValue::from_string(entry.data.as_ref().to_owned()).map_err(|error| {
            tracing::error!(%error, position = %entry.position, "history holds no JSON");
            Problem::new(kinds::INTERNAL)
        })?;
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

/// Which part of a history is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct HistoryQuery {
    /// Most entries of the page.
    #[serde(default = "list::limit_default", deserialize_with = "list::limit")]
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: u32,
    /// `next` of the page before.
    #[param(pattern = "^p(0|[1-9a-f][0-9a-f]{0,15})$")]
    cursor: Option<String>,
    /// Wait, up to 5 seconds, until this position can be seen.
    #[serde(default, deserialize_with = "freshness::whole")]
    #[param(minimum = 0, maximum = 9_007_199_254_740_991_u64)]
    min_position: Option<u64>,
    /// As it was at this position of the log, or at this time; not with `min_position`.
    #[serde(default, deserialize_with = "freshness::as_of")]
    #[param(schema_with = codes::as_of)]
    as_of: Option<AsOf>,
}

/// Reads what happened in an exchange: who, what, when, because of what.
///
/// First to last, in pages. Its parties and auditors can read it; to everybody else the exchange
/// does not exist. It never holds what anyone wrote.
#[utoipa::path(
    get, path = "/exchanges/{id}/history", tag = "exchanges", operation_id = "read_history",
    extensions(("x-summary-ja" = json!("交換の経緯を見る"))),
    security(("bearer" = []), ("auditor" = [])),
    params(("id" = String, Path, format = Uuid, description = "The exchange"), HistoryQuery),
    responses(
        (status = 200, description = "A page of the history", body = List<HistoryAnswer>,
            headers(("meguri-position" = u64, description = "Position the answer has seen"))),
        ReadProblems,
    )
)]
pub(crate) async fn read_history(
    State(api): State<ReadApi>,
    inquirer: Inquirer,
    Path(id): Path<ExchangeId>,
    Query(query): Query<HistoryQuery>,
) -> Result<Seen<List<HistoryAnswer>>, Problem> {
    if inquirer.asking == Asking::Auditor {
        tracing::info!(auditor = inquirer.subject, "a history is read");
    }
    let cursor = list::cursor(query.cursor.as_deref())?;
    let seen = api
        .views(
            &[View::History],
            &[View::Profiles],
            query.min_position,
            query.as_of,
        )
        .await?;
    let page = seen
        .history()
        .of(id, inquirer.asking, cursor, query.limit)
        .await
        .map_err(refusal)?;
    let actors = page
        .items
        .iter()
        .filter_map(|entry| MemberId::from_stream(&entry.actor));
    let names = Names::of(&api, actors).await?;
    let next = page.next.map(|cursor| cursor.to_string());
    let items = page
        .items
        .into_iter()
        .map(|entry| HistoryAnswer::of(entry, &names));
    Ok(Seen::at(
        seen.position(),
        List {
            items: items.collect::<Result<_, _>>()?,
            next,
        },
    ))
}
