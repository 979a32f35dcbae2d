//! How the server is: the log's head, the state of each view and of each loop.

use std::time::Duration;

use meguri_engine::{BuildStatus, Diff, TableDiff, Tokenizer, ViewState, ViewStatus};
use meguri_log::{ClockAhead, ClockState, Position, Publication, Timestamp};
use meguri_supervision::{LoopState, LoopStatus};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{AnswerError, Freshness, ReadApi, Seen, codes};

/// The state of the whole server.
#[derive(Debug, Serialize, ToSchema)]
pub struct Status {
    log: LogStatus,
    /// How far the log is published; absent where it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    published: Option<PublishedStatus>,
    /// When the log was backed up last; absent where this server makes no backups.
    #[serde(skip_serializing_if = "Option::is_none")]
    backup: Option<BackupAnswer>,
    /// What the policies could not do; absent where this server runs none.
    #[serde(skip_serializing_if = "Option::is_none")]
    policies: Option<PolicyStanding>,
    views: Vec<ViewAnswer>,
    /// What runs for as long as the server does.
    loops: Vec<LoopAnswer>,
}

/// The head of the log.
#[derive(Debug, Serialize, ToSchema)]
pub struct LogStatus {
    /// Position of the last event: how many there are.
    position: u64,
    /// When the last event was appended, RFC 3339; absent in an empty log.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    at: Option<String>,
    /// How the clock stands to the log.
    clock: ClockAnswer,
    /// Since when nothing can be appended, RFC 3339; absent while appends work.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    appends_fail_since: Option<String>,
}

/// How the clock of this server stands to the log.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ClockStatus)]
pub struct ClockAnswer {
    /// `right`; `ahead` of where it should be by so much that nothing is appended; or `behind` the
    /// last event, so that events are stamped as that one until it has caught up.
    #[schema(schema_with = codes::clock_state)]
    state: &'static str,
    /// By how many seconds it is too far ahead, or behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<u64>,
}

impl From<ClockState> for ClockAnswer {
    fn from(state: ClockState) -> Self {
        let seconds = match state {
            ClockState::Right => None,
            ClockState::Ahead(ClockAhead { now, latest }) => {
                let micros = now.micros().saturating_sub(latest.micros());
                Some(u64::try_from(micros).unwrap_or(0) / 1_000_000)
            }
            ClockState::Behind(by) => Some(by.as_secs()),
        };
        let state = state.name();
        Self { state, seconds }
    }
}

/// One loop of the server.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LoopStatus)]
pub struct LoopAnswer {
    /// Its name.
    #[schema(example = "writer")]
    name: String,
    /// `running`, `stuck` where it has not been heard of for longer than its work may take,
    /// `failed` where it ended before it was told to, or `ended`. While one has failed the server
    /// is neither ready nor well, and while one is stuck it is not ready; starting it again mends
    /// that, or shows why not.
    #[schema(schema_with = codes::loop_state)]
    state: &'static str,
    /// When it failed, or when one that is stuck was heard of last, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    failed_at: Option<String>,
}

impl LoopAnswer {
    /// How a loop failed is for those who run the server: it may quote what it worked on.
    fn new(status: LoopStatus, now: Timestamp) -> Self {
        let failed_at = match status.state {
            LoopState::Failed { since, .. } | LoopState::Stuck { since } => {
                Some(earlier(now, since.elapsed()))
            }
            LoopState::Running | LoopState::Ended => None,
        };
        Self {
            name: status.name.into_owned(),
            state: status.state.name(),
            failed_at: failed_at.map(|at| at.to_string()),
        }
    }
}

fn earlier(now: Timestamp, by: Duration) -> Timestamp {
    let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(now.micros().saturating_sub(by))
}

/// How far the log is published.
#[derive(Debug, Serialize, ToSchema)]
pub struct PublishedStatus {
    /// `publishing`; `waiting` while another process does; `failing` and trying again; `refusing`
    /// to sign because the log is not what was published: those who run the server are told why.
    #[schema(schema_with = codes::publish_state)]
    state: &'static str,
    /// Every event up to here is under a signed checkpoint.
    position: u64,
    /// When this server heard of the last checkpoint: when it was signed, or when the server
    /// started. RFC 3339; absent before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    at: Option<String>,
}

impl From<&Publication> for PublishedStatus {
    fn from(publication: &Publication) -> Self {
        let latest = publication.latest.as_deref();
        Self {
            state: publication.state.name(),
            position: latest.map_or(0, |latest| latest.tree.size),
            at: publication.heard_at.map(|at| at.to_string()),
        }
    }
}

/// How the backups stand that a server makes by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BackupStanding {
    /// When the last one was made, and how many events it has.
    pub last: Option<(Timestamp, u64)>,
    /// Whether the next one could not be made, and is tried again.
    pub is_failing: bool,
}

/// How much the policies could not do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = PolicyStatus)]
pub struct PolicyStanding {
    /// Duties that have failed, and are tried again: `meguri policies` tells which, and why.
    pub parked_duties: u64,
    /// Events that cannot be read, and from which nothing follows until they can.
    pub unreadable_events: u64,
}

/// When the log was backed up last.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BackupStatus)]
pub struct BackupAnswer {
    /// When, RFC 3339; absent before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    at: Option<String>,
    /// How long ago, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    age_seconds: Option<u64>,
    /// Every event up to here is in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<u64>,
    /// Whether the next one could not be made, and is tried again: those who run the server are
    /// told why.
    failing: bool,
}

impl BackupAnswer {
    fn new(standing: BackupStanding, now: Timestamp) -> Self {
        let at = standing.last.map(|(at, _)| at);
        let age = at.map(|at| now.micros().saturating_sub(at.micros()) / 1_000_000);
        Self {
            at: at.map(|at| at.to_string()),
            age_seconds: age.map(|age| u64::try_from(age).unwrap_or(0)),
            position: standing.last.map(|(_, position)| position),
            failing: standing.is_failing,
        }
    }
}

/// One view.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ViewStatus)]
pub struct ViewAnswer {
    /// Its name.
    #[schema(example = "board")]
    name: String,
    /// The declared version of its fold.
    version: u32,
    /// What its rows depend on beside the events, in short.
    fingerprint: String,
    /// Every event up to here is in it.
    position: u64,
    /// How many events the log is ahead.
    lag: u64,
    /// `building` for the first time, `live`, `stopped` before an event that it cannot fold, or
    /// `withdrawn` because it did not hold what the log says, and being built anew.
    #[schema(schema_with = codes::view_state)]
    state: &'static str,
    /// The event it stopped before.
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped_before: Option<u64>,
    /// The new file that is being built, beside the live one if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    build: Option<BuildAnswer>,
    /// What this version has changed against the one whose place it took.
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<ChangesAnswer>,
    /// What its text is cut into words by: `dictionary`, or `boundaries` where none is installed.
    #[schema(schema_with = codes::text_cut)]
    #[serde(skip_serializing_if = "Option::is_none")]
    tokenizer: Option<&'static str>,
    /// Up to the erasure at this position nothing of what is erased is left in any of its files;
    /// absent before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    erased_up_to: Option<u64>,
    /// The erasure at this position is not done in its files yet. A view that takes long over it is
    /// `withdrawn`, and built anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    erasure_due: Option<u64>,
    /// How many streams it goes on without, because an event of each cannot be folded (the setting
    /// `on_poison`); absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    parked_streams: Option<u64>,
}

/// What a version of a view has changed, as of where it met the one before.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ViewChanges)]
pub struct ChangesAnswer {
    /// Position at which both were compared.
    position: u64,
    /// The folder of the version before.
    before: String,
    /// Table by table.
    tables: Vec<TableChangesAnswer>,
}

/// What a version of a view has changed in one table, in the columns that both have.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = TableChanges)]
pub struct TableChangesAnswer {
    /// The table.
    table: String,
    /// Rows that are as they were.
    equal: u64,
    /// Rows that are not as they were.
    changed: u64,
    /// Rows that were not there before.
    only_now: u64,
    /// Rows that are not there any more.
    only_before: u64,
    /// Columns that were not there before.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    columns_only_now: Vec<String>,
    /// Columns that are not there any more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    columns_only_before: Vec<String>,
    /// The table has another key than before: its rows were not compared.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    other_key: bool,
}

/// How far a file is that is being built.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BuildStatus)]
pub struct BuildAnswer {
    /// `folding` events into it, `verifying` it against the log, or `indexing` it.
    #[schema(schema_with = codes::build_phase)]
    phase: &'static str,
    /// Every event up to here is in it.
    position: u64,
    /// Events folded a second since it began.
    events_per_second: u64,
    /// How long folding the rest takes at this rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds_left: Option<u64>,
}

impl From<BuildStatus> for BuildAnswer {
    fn from(build: BuildStatus) -> Self {
        Self {
            phase: build.phase.name(),
            position: build.position.get(),
            events_per_second: build.events_per_second,
            seconds_left: build.seconds_left,
        }
    }
}

impl From<Diff> for ChangesAnswer {
    fn from(diff: Diff) -> Self {
        Self {
            position: diff.position.get(),
            before: diff.there,
            tables: diff.tables.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<TableDiff> for TableChangesAnswer {
    fn from(diff: TableDiff) -> Self {
        let answer = Self::default();
        match diff {
            TableDiff::Compared {
                table,
                equal,
                changed,
                only_here,
                only_there,
                columns_only_here,
                columns_only_there,
                samples: _,
            } => Self {
                table,
                equal,
                changed,
                only_now: only_here,
                only_before: only_there,
                columns_only_now: columns_only_here,
                columns_only_before: columns_only_there,
                ..answer
            },
            TableDiff::OtherKey { table, .. } => Self {
                table,
                other_key: true,
                ..answer
            },
            TableDiff::OnlyHere { table, rows } => Self {
                table,
                only_now: rows,
                ..answer
            },
            TableDiff::OnlyThere { table, rows } => Self {
                table,
                only_before: rows,
                ..answer
            },
        }
    }
}

impl From<ViewStatus> for ViewAnswer {
    fn from(view: ViewStatus) -> Self {
        // Why it stopped is for those who run the server: it may quote what an event holds.
        let (state, stopped_before) = match view.state {
            ViewState::Building => ("building", None),
            ViewState::Live => ("live", None),
            ViewState::Stopped { position, .. } => ("stopped", Some(position.get())),
            ViewState::Withdrawn { .. } => ("withdrawn", None),
        };
        Self {
            name: view.name,
            version: view.version,
            fingerprint: view.fingerprint,
            position: view.position.get(),
            lag: view.lag,
            state,
            stopped_before,
            build: view.build.map(BuildAnswer::from),
            changes: view.changes.map(ChangesAnswer::from),
            tokenizer: view.tokenizer.map(Tokenizer::name),
            erased_up_to: view.erased_up_to.map(Position::get),
            erasure_due: view.erasure_due.map(Position::get),
            parked_streams: Some(view.parked_streams).filter(|parked| *parked > 0),
        }
    }
}

impl ReadApi {
    /// The log's head, how far it is published, and how far each view is: for anybody.
    pub async fn status(&self, fresh: Freshness) -> Result<Seen<Status>, AnswerError> {
        self.log_at_least(fresh.min_position).await?;
        let head = self.log.head().await?;
        let now = self.log.clock().now();
        let failing = self.log.appends_fail();
        let failing = failing.map(|fail| earlier(now, fail.since.elapsed()));
        let log = LogStatus {
            position: head.position.get(),
            at: (head.position > Position::ZERO).then(|| head.at.to_string()),
            clock: self.log.clock_state(head.at).into(),
            appends_fail_since: failing.map(|at| at.to_string()),
        };
        let views = self
            .views
            .status()
            .into_iter()
            .map(ViewAnswer::from)
            .collect();
        let loops = self.log.supervisor().loops();
        let loops = loops.into_iter().map(|one| LoopAnswer::new(one, now));
        let published = self.publication.as_ref();
        let published = published.map(|now| PublishedStatus::from(&*now.borrow()));
        let backup = self.backups.as_ref().map(|standing| *standing.borrow());
        let status = Status {
            log,
            published,
            backup: backup.map(|standing| BackupAnswer::new(standing, now)),
            policies: self.policies.as_ref().map(|standing| standing()),
            views,
            loops: loops.collect(),
        };
        Ok(Seen::at(head.position, status))
    }
}
