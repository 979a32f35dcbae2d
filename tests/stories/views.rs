//! `meguri views`: the same answers with a running server and without one, on either backend.

use meguri_log::{Kek, Log, LogOptions};
use meguri_postgres_cluster::shared;
use meguri_test_logs::append_raw;
use serde_json::Value;

use super::{Desk, said};
use crate::support::server::{Installation, Server};

const NAMES: [&str; 7] = [
    "board", "profiles", "thanks", "rooms", "history", "search", "blocks",
];

/// Makes a test on SQLite and one on PostgreSQL of a story.
macro_rules! on_both_backends {
    ($($story:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $story() {
                super::$story($crate::stories::views::filled_on_sqlite()).await;
            })+
        }
        mod postgres {
            $(#[tokio::test]
            async fn $story() {
                super::$story($crate::stories::views::filled_on_postgres()).await;
            })+
        }
    };
}

mod inspection;

on_both_backends!(
    without_a_server_the_command_does_the_work_itself,
    a_running_server_is_asked_and_goes_on_serving,
    a_view_goes_into_a_file_and_comes_back_if_the_log_says_the_same,
    what_stops_the_views_is_said_everywhere_until_it_is_mended,
    views_are_watched_until_all_are_live,
);

fn filled_on_sqlite() -> Installation {
    filled(Installation::on_sqlite())
}

fn filled_on_postgres() -> Installation {
    let database = || shared().unwrap().create_database().unwrap();
    filled(Installation::on_databases(database))
}

/// With a small community, always the same, of whom nobody is reminded of anything.
fn filled(installation: Installation) -> Installation {
    let patient = "remind_after = \"9000d\"\ncomplete_after = \"9001d\"\n";
    std::fs::write(installation.folder().join("meguri.toml"), patient).unwrap();
    installation.run(&["demo", "--members", "5", "--exchanges", "4", "--seed", "3"]);
    installation
}

/// What a person sees of a command, without what differs from run to run.
fn seen(installation: &Installation, arguments: &[&str]) -> String {
    // Diagnostics have times of their own.
    let quiet = [arguments, &["--log-filter", "off"]].concat();
    let output = installation.end_of(&quiet);
    let said = steps(&timeless(&said(&output)));
    let printed = timeless(&String::from_utf8_lossy(&output.stdout));
    let code = output.status.code().unwrap();
    format!(
        "$ meguri {}\n{printed}{said}(exit code {code})\n",
        arguments.join(" ")
    )
}

/// What was said, with each phase of a build once, however long it took.
fn steps(said: &str) -> String {
    let mut lines: Vec<&str> = said.lines().collect();
    lines.dedup_by_key(|line| line.split_once(", at ").map_or(*line, |(phase, _)| phase));
    lines.into_iter().flat_map(|line| [line, "\n"]).collect()
}

/// What a person sees of several commands, one after the other.
fn transcript(installation: &Installation, commands: &[&[&str]]) -> String {
    let seen: Vec<_> = commands
        .iter()
        .map(|command| seen(installation, command))
        .collect();
    seen.join("\n")
}

/// Blanks digests and ids, and the numbers of rates and times.
fn timeless(text: &str) -> String {
    let mut text = text.to_owned();
    for unit in [" s,", " events/s", "/s", " s left", " KiB"] {
        let mut parts = text.split(unit).map(str::to_owned).collect::<Vec<_>>();
        let last = parts.len() - 1;
        for part in &mut parts[..last] {
            let number = |it: char| it.is_ascii_digit() || it == '.' || it == ',';
            let kept = part.trim_end_matches(number).len();
            if kept < part.len() {
                part.replace_range(kept.., "N");
            }
        }
        text = parts.join(unit);
    }
    let mut blanked = String::new();
    while let Some(next) = text.chars().next() {
        let name = [36, 16].into_iter().find(|length| is_name(&text, *length));
        let length = name.unwrap_or(next.len_utf8());
        let rest = text.split_off(length);
        let zero = |it: char| it.is_ascii_hexdigit();
        blanked += &if name.is_some() {
            text.replace(zero, "0")
        } else {
            text
        };
        text = rest;
    }
    blanked
}

/// Whether a text begins with a digest of 16 digits, or an id of 36 with `-` between some of them.
fn is_name(text: &str, length: usize) -> bool {
    let of_name = |it: &u8| it.is_ascii_hexdigit() || (length == 36 && *it == b'-');
    let end = text
        .as_bytes()
        .get(length)
        .is_none_or(|it| !it.is_ascii_alphanumeric());
    let name = text.get(..length);
    end && name.is_some_and(|name| name.as_bytes().iter().all(of_name))
}

/// How often a story looks for something that takes a moment.
const LOOKS_MAX: u32 = 600;

async fn without_a_server_the_command_does_the_work_itself(installation: Installation) {
    let commands: [&[&str]; 8] = [
        &["views"],
        &["views", "rebuild", "board"],
        &["views", "rollback", "board"],
        &["views", "rollback", "board"],
        &["views", "rollback", "thanks"],
        &["views", "retry", "rooms"],
        &["views", "rebuild", "nothing"],
        &["views", "--watch", "rebuild", "board"],
    ];
    insta::assert_snapshot!("without_a_server", transcript(&installation, &commands));
    let all = installation.run(&["views", "rebuild", "all"]);
    for (line, name) in all.lines().zip(NAMES) {
        assert!(
            line.starts_with(&format!("{name}: rebuilt up to position ")),
            "{all}"
        );
    }
    assert_eq!(all.lines().count(), NAMES.len(), "{all}");
}

async fn a_running_server_is_asked_and_goes_on_serving(installation: Installation) {
    let server = installation.serve().await;
    let before = server.api().get("/api/board", None).await;
    let commands: [&[&str]; 5] = [
        &["views", "list"],
        &["views", "rebuild", "board"],
        &["views", "rollback", "board"],
        &["views", "rollback", "history"],
        &["views", "retry", "board"],
    ];
    insta::assert_snapshot!("beside_a_server", transcript(&installation, &commands));
    assert_eq!(server.api().get("/api/board", None).await, before);
    server.terminate().await;
}

async fn a_view_goes_into_a_file_and_comes_back_if_the_log_says_the_same(
    installation: Installation,
) {
    let folder = installation.folder();
    let server = installation.serve().await;
    let export = ["views", "export", "board", "board.view"];
    let because = [&export[..], &["--reason", "2026-wa-1234", "--by", "ken"]].concat();
    let for_nothing = seen(&installation, &export);
    let exported = seen(&installation, &because);
    let again = seen(&installation, &because);
    let again = again.replace(&folder.display().to_string(), "…");
    // A member after the export, so that the file has to be brought up to date.
    server.api().register("hanako", "はなこ").await;
    let before = server.api().get("/api/board", None).await;
    let imported = seen(&installation, &["views", "import", "board.view"]);
    assert_eq!(server.api().get("/api/board", None).await, before);
    server.terminate().await;

    // A node that has no views yet, and no server.
    std::fs::remove_dir_all(installation.data().join("views")).unwrap();
    let on_a_new_node = seen(&installation, &["views", "import", "board.view"]);
    let path = folder.join("board.view");
    let mut bytes = std::fs::read(&path).unwrap();
    let housework = bytes.windows(4).rposition(|part| part == b"need").unwrap();
    bytes[housework] = b'f';
    std::fs::write(&path, bytes).unwrap();
    let changed = seen(&installation, &["views", "import", "board.view"]);
    let missing = seen(&installation, &["views", "import", "nothing.view"]);
    let exports = [for_nothing, exported, again].join("\n");
    let all = [exports, imported, on_a_new_node, changed, missing].join("\n");
    // The copy may have seen the event by which it was noted, or not.
    let all = all.replace(" 79", " 80");
    insta::assert_snapshot!("export_and_import", all);
}

/// Appends an event of a release that is yet to come.
async fn append_from_the_future(installation: &Installation) {
    let key = Kek::File(installation.data().join("vault.key"));
    let options = LogOptions::new(installation.location(), key);
    let log = Log::open(&options).await.unwrap();
    append_raw(&log, "member-x", "FromTheFuture", 1, "{}").await;
    log.close().await;
}

async fn what_stops_the_views_is_said_everywhere_until_it_is_mended(installation: Installation) {
    let server = installation.serve().await;
    append_from_the_future(&installation).await;
    for _ in 0..LOOKS_MAX {
        let stopped = installation
            .run(&["views"])
            .matches("stopped before")
            .count();
        if stopped == NAMES.len() {
            break;
        }
    }
    let commands: [&[&str]; 4] = [
        &["views"],
        &["views", "--watch"],
        &["views", "retry", "board"],
        &["views", "rebuild", "board"],
    ];
    insta::assert_snapshot!("stopped", transcript(&installation, &commands));
    assert_eq!(server.api().status("/readyz", None).await, 503);
    let metrics = server.api().text("/metrics", None).await;
    assert!(
        metrics.contains("meguri_view_stopped{view=\"board\"} 1\n"),
        "{metrics}"
    );
    server.terminate().await;
    let without_a_server = seen(&installation, &["views", "retry", "board"]);
    let again = "meguri: board: it has stopped again: position 80: FromTheFuture";
    assert!(without_a_server.contains(again), "{without_a_server}");
}

async fn views_are_watched_until_all_are_live(installation: Installation) {
    // Nothing is there yet: watching builds it.
    let watched = installation.run(&["views", "--watch"]);
    let (_, last) = watched.rsplit_once("the log ends at position ").unwrap();
    assert_eq!(last.matches("  live\n").count(), NAMES.len(), "{watched}");
    assert!(!last.contains("building"), "{watched}");
    assert_eq!(
        installation
            .run(&["views", "list", "--watch"])
            .matches("  live\n")
            .count(),
        NAMES.len()
    );
}

/// What was seen of a build of the view `history` while it ran.
#[derive(Debug, Default)]
struct Glimpses {
    /// In `/api/status`.
    status: Option<Value>,
    /// In `/metrics`: all gauges of the build.
    metrics: Option<Vec<f64>>,
    /// In the table.
    row: Option<String>,
}

impl Glimpses {
    async fn look(&mut self, installation: &Installation, server: &Server) {
        let mut status = server.api().get("/api/status", None).await;
        let begun = |build: &Value| build["events_per_second"] != 0;
        let build = status["views"][4].as_object_mut().unwrap().remove("build");
        self.status = self.status.take().or(build.filter(begun));
        let gauges = gauges(&server.api().text("/metrics", None).await);
        self.metrics = self.metrics.take().or((gauges[1] > 0.0).then_some(gauges));
        let table = installation.run(&["views"]);
        let row = table
            .lines()
            .find(|line| line.starts_with("history"))
            .unwrap();
        let building = row.contains("live, building: ").then(|| row.to_owned());
        self.row = self.row.take().or(building);
    }

    fn is_complete(&self) -> bool {
        self.status.is_some() && self.metrics.is_some() && self.row.is_some()
    }
}

/// Position, rate, time left, and whether there is a phase, as measured of the view `history`.
fn gauges(metrics: &str) -> Vec<f64> {
    let gauge = |name: &str, label: &str| {
        let label = format!("meguri_view_build_{name}{{view=\"history\"{label}}} ");
        let value = metrics.lines().find_map(|line| line.strip_prefix(&label));
        value.map_or(0.0, |value| value.parse::<f64>().unwrap())
    };
    let phase = |name: &str| gauge("phase", &format!(",phase=\"{name}\""));
    let in_a_phase = phase("folding") + phase("verifying") + phase("indexing");
    let of_all = ["position", "events_per_second", "seconds_left"];
    let mut all: Vec<f64> = of_all.iter().map(|name| gauge(name, "")).collect();
    all.push(in_a_phase);
    all
}

#[tokio::test]
async fn a_build_is_seen_in_the_table_the_status_and_the_metrics_while_it_runs() {
    let installation = Installation::on_sqlite();
    installation.run(&[
        "demo",
        "--members",
        "40",
        "--exchanges",
        "400",
        "--seed",
        "3",
    ]);
    let server = installation.serve().await;
    let mut glimpses = Glimpses::default();
    for _ in 0..LOOKS_MAX {
        let rebuilding = installation.start(&["views", "rebuild", "history"]);
        for _ in 0..10 {
            glimpses.look(&installation, &server).await;
        }
        assert!(rebuilding.wait_with_output().unwrap().status.success());
        if glimpses.is_complete() {
            break;
        }
    }
    let (Some(build), Some(gauges_then), Some(row)) =
        (glimpses.status, glimpses.metrics, glimpses.row)
    else {
        panic!("no build was seen")
    };
    let head = server.api().get("/api/status", None).await["log"]["position"].clone();
    assert!(build["position"].as_u64() <= head.as_u64(), "{build}");
    let phases = ["folding", "verifying", "indexing"];
    assert!(
        phases.iter().any(|phase| build["phase"] == *phase),
        "{build}"
    );
    assert!(gauges_then[0] > 0.0 && gauges_then[0] <= head.as_f64().unwrap());
    assert!(
        (gauges_then[3] - 1.0).abs() < 0.1,
        "one phase: {gauges_then:?}"
    );
    assert!(row.contains(" events, ") && row.contains("/s"), "{row}");
    let gauges_now = gauges(&server.api().text("/metrics", None).await);
    assert!(
        gauges_now.iter().all(|gauge| gauge.abs() < 0.1),
        "{gauges_now:?}"
    );
    server.terminate().await;
}

#[tokio::test]
async fn a_second_server_on_the_same_folder_is_refused_with_code_3() {
    let installation = Installation::on_sqlite();
    let _server = installation.serve().await;
    let data = installation.data().display().to_string();
    let second = Desk::new().run(&["serve", "--listen", "127.0.0.1:0", "--data", &data]);
    assert_eq!(second.status.code(), Some(3), "{}", said(&second));
    assert!(
        said(&second).contains("another process owns the views"),
        "{}",
        said(&second)
    );
}
