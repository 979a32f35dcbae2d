//! House rules that a machine can check: sizes, names, first sentences, things left undone.

use crate::sources::{Source, assert_none, root, with_extension};

/// The longest a Rust file may be, in lines.
const FILE_LINES_MAX: usize = 600;
/// The longest a line of Rust may be, in characters (rustfmt leaves comments and strings alone).
const LINE_CHARS_MAX: usize = 100;
/// Files that may be longer than [`FILE_LINES_MAX`]; it is meant to stay empty.
const LONG_FILES: &[&str] = &[];
/// Names that say nothing of what a file holds.
const EMPTY_NAMES: &[&str] = &[
    "common", "helper", "helpers", "manager", "misc", "stuff", "util", "utils",
];
/// Signs of unfinished work. Cut in two, or this file would find itself.
const UNFINISHED: &[&str] = &[
    concat!("to", "do!"),
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("unimple", "mented!"),
    concat!("#[ig", "nore"),
    concat!("XX", "X:"),
];
/// Beginnings of paths that exist on one machine only.
const MACHINE_PATHS: &[&str] = &[
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
    concat!("/Us", "ers/"),
    concat!("/wo", "rk/"),
    concat!("C:", "\\Us"),
];

/// What begins work beside its caller.
const SPAWNS: &[&str] = &[
    "spawn(",
    "spawn_blocking(",
    "spawn_blocking_on(",
    "spawn_local(",
    "spawn_on(",
    "spawn_pinned(",
    "spawn_scoped(",
];
/// What the simulation runs: nothing in it leaves to chance what happens next.
const SIMULATED: &[&str] = &[
    "commands/src/",
    "events/log/src/",
    "projections/engine/src/",
    "projections/views/src/",
    "simulation/src/",
    "supervision/src/",
];
/// Where work is begun that the supervision of loops does not begin itself: how many times, and
/// why it may be so. A loop that runs as long as its process does has no place here.
const UNSUPERVISED: &[(&str, usize, &str)] = &[
    ("commands/src/password.rs", 1, "awaited at once"),
    ("events/log/src/audit.rs", 1, "awaited at once"),
    ("events/log/src/audit/requests.rs", 1, "awaited at once"),
    (
        "events/log/src/blocks.rs",
        1,
        "ends with the log's end, and who reads sees how",
    ),
    ("events/log/src/copy.rs", 1, "awaited at once"),
    (
        "events/log/src/simulation/session.rs",
        2,
        "a server that goes on without its client, in a simulation alone",
    ),
    ("events/log/src/vault/keys.rs", 2, "awaited at once"),
    (
        "events/log/src/vault/tokens.rs",
        1,
        "notes once when tokens were used; nobody waits for it",
    ),
    ("events/log/src/waiting.rs", 1, "awaited at once"),
    ("http/src/gate.rs", 1, "the answer to one request, awaited"),
    (
        "http/src/live_token.rs",
        1,
        "where it ends all that it watches does, and the next begins it again",
    ),
    (
        "projections/engine/src/files/imported_file.rs",
        1,
        "awaited at once",
    ),
    (
        "projections/engine/src/running/worker_command.rs",
        1,
        "hands over one step",
    ),
    (
        "projections/engine/src/files/journal.rs",
        1,
        "its file begins it again where it has ended",
    ),
    (
        "projections/engine/src/control.rs",
        1,
        "one conversation, whose end is its answer",
    ),
    ("projections/engine/src/control/answer.rs", 1, "one answer"),
    (
        "projections/engine/src/files/index.rs",
        1,
        "awaited at once",
    ),
    (
        "projections/engine/src/files/index/open.rs",
        2,
        "awaited at once",
    ),
    (
        "projections/engine/src/running/opening.rs",
        1,
        "every loop of the views, watched while it holds their folder",
    ),
    ("projections/engine/src/past/build.rs", 1, "awaited at once"),
    (
        "projections/engine/src/past/cache.rs",
        1,
        "one build, which says how it ended",
    ),
    (
        "projections/engine/src/prepare.rs",
        1,
        "awaited when it is let go, before anything serves",
    ),
    (
        "projections/engine/src/running/rebuilds.rs",
        3,
        "one journey, one decoding; the loop is watched",
    ),
    ("projections/engine/src/snapshot.rs", 1, "awaited at once"),
    (
        "projections/views/src/search/query.rs",
        1,
        "awaited at once",
    ),
    (
        "projections/engine/src/running/worker.rs",
        4,
        "its worker, which is watched, awaits it",
    ),
    (
        "projections/engine/src/running/worker/switching.rs",
        1,
        "a build: its worker watches it",
    ),
    ("read-api/src/evidence.rs", 1, "one bundle for one request"),
    ("read-api/src/evidence/gather.rs", 1, "awaited at once"),
    (
        "simulation/src/bin/simulate.rs",
        1,
        "runs seeds; the scope waits for it",
    ),
    (
        "simulation/src/follow.rs",
        1,
        "follows until its process ends",
    ),
    (
        "simulation/src/policies.rs",
        1,
        "who acts in a world, until that ends",
    ),
    (
        "simulation/src/policies/process.rs",
        1,
        "a process of a world, whose end is part of it",
    ),
    (
        "simulation/src/publisher/life.rs",
        1,
        "a process of a world, whose end is part of it",
    ),
    ("simulation/src/run.rs", 2, "awaited by the run"),
    (
        "simulation/src/trouble.rs",
        2,
        "a process that closes, or begins anew; the run waits for it",
    ),
    (
        "simulation/src/views.rs",
        1,
        "who appends in a world, until that ends",
    ),
    (
        "simulation/src/views/server.rs",
        1,
        "a process of a world, whose end is part of it",
    ),
    ("src/connections.rs", 1, "one connection"),
    ("src/demo.rs", 1, "shows a rate until it is aborted"),
    ("src/demo/director.rs", 1, "awaited by the director"),
    (
        "src/diagnostics.rs",
        1,
        "without it lines are lost, which nobody is to feel",
    ),
    ("src/dictionary.rs", 1, "awaited at once"),
    ("src/witness/routes.rs", 1, "awaited at once"),
];

fn rust() -> Vec<Source> {
    let files = with_extension(&["rs"]);
    assert!(
        files.iter().any(|file| file.path == "src/main.rs"),
        "the sources are not where they were"
    );
    files
}

/// Every line of these files that `wrong` finds fault with, as `path:line: what`.
fn lines(files: &[Source], wrong: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let mut found = Vec::new();
    for file in files {
        for (line, number) in file.text.lines().zip(1..) {
            found.extend(wrong(line).map(|what| format!("{}:{number}: {what}", file.path)));
        }
    }
    found
}

#[test]
fn no_rust_file_is_longer_than_a_reader_can_hold() {
    let long = rust().into_iter().filter_map(|file| {
        let lines = file.text.lines().count();
        let allowed = LONG_FILES.contains(&file.path.as_str());
        (lines > FILE_LINES_MAX && !allowed).then(|| format!("{}: {lines} lines", file.path))
    });
    let advice = format!("more than {FILE_LINES_MAX} lines; split them by subject");
    assert_none(&long.collect::<Vec<_>>(), &advice);
}

#[test]
fn no_line_of_rust_is_too_wide() {
    let wide = lines(&rust(), |line| {
        let chars = line.chars().count();
        (chars > LINE_CHARS_MAX).then(|| format!("{chars} characters"))
    });
    assert_none(
        &wide,
        &format!("more than {LINE_CHARS_MAX} characters in a line"),
    );
}

#[test]
fn every_file_is_named_for_what_it_holds() {
    let empty = rust().into_iter().filter(|file| {
        EMPTY_NAMES.contains(&file.stem())
            || file
                .path
                .split('/')
                .any(|folder| EMPTY_NAMES.contains(&folder))
    });
    let empty: Vec<_> = empty.map(|file| file.path).collect();
    assert_none(
        &empty,
        "names that say nothing; name the file for its subject",
    );
}

#[test]
fn every_file_opens_with_a_sentence_that_says_what_it_is() {
    let silent = rust().into_iter().filter_map(|file| {
        let first_paragraph: Vec<_> = file
            .text
            .lines()
            .map_while(|line| line.strip_prefix("//! "))
            .collect();
        let sentence = first_paragraph.join(" ");
        let complete = sentence.ends_with(['.', ':', '?', '!']);
        (!complete).then(|| format!("{}: {sentence:?}", file.path))
    });
    assert_none(
        &silent.collect::<Vec<_>>(),
        "the first lines are to be a `//!` sentence",
    );
}

#[test]
fn nothing_is_left_unfinished_or_switched_off() {
    let files = with_extension(&["rs", "sql", "html", "css", "js"]);
    let unfinished = lines(&files, |line| {
        UNFINISHED
            .iter()
            .find(|sign| line.contains(**sign))
            .map(|sign| format!("`{sign}`"))
    });
    assert_none(
        &unfinished,
        "signs of unfinished work; finish it, or file an issue",
    );
}

/// What an `expect` says. Somebody who reads it in a log has to learn why it could not happen.
const EXPECTATION: &str = "\"INVARIANT: ";

#[test]
fn an_error_that_cannot_happen_is_loud_and_says_why_it_cannot() {
    let mut silent = Vec::new();
    for file in rust() {
        let of_tests = file
            .path
            .split('/')
            .any(|it| it == "tests" || it == "testing");
        let of_tests = of_tests || file.path.starts_with("benches/") || file.stem() == "tests";
        let code = file.text.split("#[cfg(test)]").next().unwrap_or_default();
        let mut said = code.split(".expect(").skip(1).map(str::trim_start);
        if !of_tests && !said.all(|said| said.starts_with(EXPECTATION)) {
            silent.push(file.path);
        }
    }
    let advice = "`expect` stands where an error is impossible: `INVARIANT: why`; else answer it";
    assert_none(&silent, advice);
}

#[test]
fn no_file_names_a_path_of_somebodys_machine() {
    let files = with_extension(&[
        "rs", "md", "toml", "sql", "html", "yml", "json", "py", "snap",
    ]);
    let paths = lines(&files, |line| {
        MACHINE_PATHS
            .iter()
            .find(|path| line.contains(**path))
            .map(|path| format!("`{path}…`"))
    });
    assert_none(&paths, "paths that exist on one machine only");
}

/// How often a text begins work beside its caller, otherwise than through a supervisor.
fn spawns(text: &str) -> usize {
    let (code, _tests) = text
        .split_once("#[cfg(test)]\nmod tests {")
        .unwrap_or((text, ""));
    let lines = code.lines().filter(|line| {
        let line = line.trim_start();
        !line.starts_with("//") && !line.contains("supervisor.spawn(")
    });
    let begins = |line: &str| {
        let found = SPAWNS.iter().flat_map(|spawn| line.match_indices(spawn));
        let begins = found.filter(|(at, _)| {
            let before = &line[..*at];
            !before.ends_with("fn ") && !before.ends_with('_')
        });
        begins.count()
    };
    lines.map(begins).sum()
}

#[test]
fn every_loop_is_begun_by_the_supervision() {
    let of_production = |file: &Source| {
        let mut folders = file.path.split('/');
        let name = file.path.rsplit('/').next().unwrap_or_default();
        !folders.any(|it| ["tests", "testing", "benches", "supervision"].contains(&it))
            && name != "tests.rs"
    };
    let files: Vec<_> = rust().into_iter().filter(of_production).collect();
    let wrong = files.iter().filter_map(|file| {
        let listed = UNSUPERVISED.iter().find(|(path, ..)| *path == file.path);
        let (found, allowed) = (spawns(&file.text), listed.map_or(0, |(_, count, _)| *count));
        (found != allowed).then(|| format!("{}: {found} instead of {allowed}", file.path))
    });
    let wrong: Vec<_> = wrong.collect();
    assert_none(
        &wrong,
        "work that is begun beside its caller: a loop goes through `Supervisor::spawn` or \
         `Supervisor::watch`; work that somebody awaits is listed here, with the reason",
    );
    let gone = UNSUPERVISED.iter().map(|(path, ..)| (*path).to_owned());
    let gone: Vec<_> = gone
        .filter(|path| files.iter().all(|file| file.path != *path))
        .collect();
    assert_none(&gone, "files that are gone");
}

#[test]
fn a_loop_that_is_spawned_in_any_way_is_found() {
    for (code, count) in [
        ("let a = tokio::spawn(run());", 1),
        ("tasks.spawn(run());\nset.spawn_blocking(run);", 2),
        ("std::thread::spawn(run);", 1),
        ("let a = supervisor.spawn(\"feed\", run());", 0),
        ("// tokio::spawn(run())\nfn spawn(&self) {}", 0),
        ("#[cfg(test)]\nmod tests {\n tokio::spawn(run());", 0),
    ] {
        assert_eq!(spawns(code), count, "{code}");
    }
}

/// How often a text waits for several things at once and leaves to chance which comes first.
fn left_to_chance(text: &str) -> usize {
    let waits = text.split("select! {").skip(1);
    let unordered = waits.filter(|rest| {
        let mut code = rest.lines().map(str::trim);
        let first = code.find(|line| !line.is_empty() && !line.starts_with("//"));
        first != Some("biased;")
    });
    unordered.count()
}

#[test]
fn what_the_simulation_runs_gives_an_order_to_what_it_waits_for() {
    let of_simulation = |file: &Source| {
        let in_tests = file.path.contains("/tests/") || file.stem() == "tests";
        SIMULATED.iter().any(|it| file.path.starts_with(it)) && !in_tests
    };
    let files: Vec<_> = rust().into_iter().filter(of_simulation).collect();
    for folder in SIMULATED {
        let is_there = files.iter().any(|file| file.path.starts_with(folder));
        assert!(is_there, "{folder} is gone");
    }
    let wrong = files.iter().filter_map(|file| {
        let count = left_to_chance(&file.text);
        (count > 0).then(|| format!("{}: {count}", file.path))
    });
    let advice = "`select!` takes any branch that is ready: `biased;`, most urgent first, gives a \
                  seed of the simulation one run";
    assert_none(&wrong.collect::<Vec<_>>(), advice);
}

#[test]
fn a_wait_without_an_order_is_found() {
    for (code, count) in [
        ("tokio::select! {\n  a = one() => {}\n}", 1),
        (
            "select! {\n  // Closing first.\n\n  biased;\n  a = one() => {}\n}",
            0,
        ),
        (
            "select! {\n biased;\n}\nselect! {\n // No.\n a = one() => {}\n}",
            1,
        ),
    ] {
        assert_eq!(left_to_chance(code), count, "{code}");
    }
}

#[test]
fn decisions_are_numbered_without_a_hole_and_have_a_title() {
    let folder = root().join("docs/decisions");
    let mut names: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "README.md")
        .collect();
    names.sort();
    let wrong = names.iter().zip(1..).filter(|(name, number)| {
        let title = name.strip_prefix(&format!("{number:04}-"));
        title
            .and_then(|title| title.strip_suffix(".md"))
            .is_none_or(str::is_empty)
    });
    let wrong: Vec<_> = wrong
        .map(|(name, number)| format!("{name}: expected {number:04}-"))
        .collect();
    assert_none(
        &wrong,
        "decisions are named NNNN-title.md, from 0001 without a hole",
    );
    assert!(
        !names.is_empty(),
        "there are no decisions in {}",
        folder.display()
    );
}

#[test]
fn every_snapshot_stands_in_the_folder_of_a_test_that_still_exists() {
    // Whether a test still *reads* it is checked by `make snapshots`, which needs a whole run.
    let sources = rust();
    let orphans = with_extension(&["snap"]).into_iter().filter_map(|file| {
        let source = file
            .text
            .lines()
            .find_map(|line| line.strip_prefix("source: "))?;
        let exists = sources.iter().any(|it| it.path == source.trim_matches('"'));
        (!exists).then(|| format!("{}: made by {source}, which is gone", file.path))
    });
    assert_none(
        &orphans.collect::<Vec<_>>(),
        "snapshots nobody reads; remove them",
    );
}
