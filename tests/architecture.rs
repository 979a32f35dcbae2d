//! Holds the table of ARCHITECTURE.md against what the crates really depend on.

use crate::sources::{assert_none, root};
use serde_json::Value;
use std::process::Command;

mod circles;

/// Which crates of ours a crate may use: the arrows of ARCHITECTURE.md. A change here is a
/// decision, and is written down in `docs/decisions/` first.
const ARROWS: &[(&str, &[&str])] = &[
    (
        "meguri-api",
        &[
            "meguri-commands",
            "meguri-domain",
            "meguri-events",
            "meguri-http",
            "meguri-read-api",
        ],
    ),
    ("meguri-events", &[]),
    ("meguri-evidence", &["meguri-proofs"]),
    ("meguri-log", &["meguri-proofs", "meguri-supervision"]),
    ("meguri-proofs", &[]),
    ("meguri-postgres-cluster", &[]),
    (
        "meguri-benches",
        &[
            "meguri",
            "meguri-commands",
            "meguri-events",
            "meguri-log",
            "meguri-engine",
            "meguri-views",
            "meguri-search",
        ],
    ),
    (
        "meguri-chaos",
        &["meguri-log", "meguri-postgres-cluster", "meguri-simulation"],
    ),
    (
        "meguri-test-community",
        &[
            "meguri-commands",
            "meguri-events",
            "meguri-log",
            "meguri-postgres-cluster",
        ],
    ),
    (
        "meguri-test-logs",
        &["meguri-log", "meguri-postgres-cluster"],
    ),
    ("meguri-domain", &["meguri-events"]),
    (
        "meguri-http",
        &[
            "meguri-commands",
            "meguri-domain",
            "meguri-events",
            "meguri-log",
            "meguri-read-api",
        ],
    ),
    (
        "meguri-commands",
        &[
            "meguri-domain",
            "meguri-events",
            "meguri-log",
            "meguri-supervision",
        ],
    ),
    (
        "meguri-engine",
        &["meguri-log", "meguri-search", "meguri-supervision"],
    ),
    (
        "meguri-views",
        &[
            "meguri-engine",
            "meguri-events",
            "meguri-log",
            "meguri-search",
        ],
    ),
    ("meguri-search", &[]),
    (
        "meguri-simulation",
        &[
            "meguri-commands",
            "meguri-domain",
            "meguri-events",
            "meguri-log",
            "meguri-engine",
            "meguri-views",
            "meguri-proofs",
        ],
    ),
    ("meguri-supervision", &[]),
    (
        "meguri-read-api",
        &[
            "meguri-engine",
            "meguri-views",
            "meguri-domain",
            "meguri-events",
            "meguri-evidence",
            "meguri-log",
            "meguri-proofs",
            "meguri-supervision",
        ],
    ),
    (
        "meguri-site",
        &[
            "meguri-domain",
            "meguri-events",
            "meguri-http",
            "meguri-read-api",
        ],
    ),
    (
        "meguri",
        &[
            "meguri-api",
            "meguri-commands",
            "meguri-domain",
            "meguri-events",
            "meguri-evidence",
            "meguri-http",
            "meguri-log",
            "meguri-engine",
            "meguri-views",
            "meguri-proofs",
            "meguri-read-api",
            "meguri-search",
            "meguri-site",
            "meguri-supervision",
        ],
    ),
];

/// Crates that turn the simulation on in the log. They are no part of what is built by default, for
/// all that is built together has the same features.
const WITH_SIMULATION: &[&str] = &["meguri-simulation", "meguri-chaos"];

/// What any test may use beside what its crate may.
const FOR_TESTS: &[&str] = &[
    "meguri-postgres-cluster",
    "meguri-test-community",
    "meguri-test-logs",
];

/// What the tests of a crate may use beside that: routes are tested on a log and views that the
/// test has made, with the pages beside them, and their answers are checked by who checks proofs.
const FOR_TESTS_OF: &[(&str, &[&str])] = &[(
    "meguri-api",
    &[
        "meguri-evidence",
        "meguri-log",
        "meguri-engine",
        "meguri-views",
        "meguri-proofs",
        "meguri-site",
    ],
)];

/// The doors of the application. Nothing that they use, and nothing which that uses, speaks HTTP.
const DOORS: &[&str] = &["meguri-commands", "meguri-read-api"];

/// The only crates of others which the pure crates may use: no I/O, no runtime, no randomness.
const PURE: [(&str, &[&str]); 4] = [
    (
        "meguri-events",
        &[
            "unicode-normalization",
            "serde",
            "serde_json",
            "thiserror",
            "time",
            "uuid",
        ],
    ),
    (
        "meguri-proofs",
        &["base64", "ed25519-dalek", "sha2", "thiserror", "zeroize"],
    ),
    (
        "meguri-evidence",
        &[
            "base64",
            "crc32fast",
            "hmac",
            "serde",
            "serde_json",
            "sha2",
            "thiserror",
        ],
    ),
    (
        "meguri-domain",
        &[
            "icu_properties",
            "unicode-normalization",
            "serde",
            "thiserror",
            "time",
            "uuid",
        ],
    ),
];

/// The packages of the workspace as cargo sees them, and all it says of the workspace.
fn metadata() -> Value {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let mut command = Command::new(cargo);
    command.args([
        "metadata",
        "--no-deps",
        "--offline",
        "--format-version",
        "1",
    ]);
    let output = command.current_dir(root()).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

fn packages(metadata: &Value) -> &[Value] {
    metadata["packages"].as_array().unwrap()
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

/// The names a package depends on; `null` is cargo's word for a dependency that is neither for
/// tests nor for the build.
fn dependencies<'a>(package: &'a Value, kinds: &[Option<&str>]) -> Vec<&'a str> {
    let all = package["dependencies"].as_array().unwrap();
    let of_kind = all.iter().filter(|it| kinds.contains(&it["kind"].as_str()));
    of_kind.map(|it| text(it, "name")).collect()
}

#[test]
fn crates_use_each_other_only_along_the_arrows() {
    let metadata = metadata();
    let mut wrong = Vec::new();
    for package in packages(&metadata) {
        let name = text(package, "name");
        let Some((_, allowed)) = ARROWS.iter().find(|(of, _)| *of == name) else {
            wrong.push(format!("{name} is not in the table"));
            continue;
        };
        for kinds in [&[None, Some("build")][..], &[Some("dev")][..]] {
            let ours = dependencies(package, kinds)
                .into_iter()
                .filter(|it| is_ours(it));
            let for_tests = kinds == [Some("dev")];
            let own = FOR_TESTS_OF.iter().find(|(of, _)| *of == name);
            let own = own.map_or(&[][..], |(_, own)| own);
            let test = |it: &&str| for_tests && (FOR_TESTS.contains(it) || own.contains(it));
            let refused = ours.filter(|it| !allowed.contains(it) && *it != name && !test(it));
            wrong.extend(refused.map(|it| format!("{name} -> {it}")));
        }
    }
    assert_none(
        &wrong,
        "arrows which the table (tests/architecture.rs, ARCHITECTURE.md) forbids",
    );
}

fn is_ours(name: &str) -> bool {
    name == "meguri" || name.starts_with("meguri-")
}

#[test]
fn the_facts_the_proofs_and_the_rules_touch_no_clock_no_network_and_no_disk() {
    let metadata = metadata();
    let mut wrong = Vec::new();
    for (name, allowed) in PURE {
        let package = packages(&metadata)
            .iter()
            .find(|it| text(it, "name") == name)
            .unwrap();
        let used = dependencies(package, &[None, Some("build")]).into_iter();
        let refused = used.filter(|it| !is_ours(it) && !allowed.contains(it));
        wrong.extend(refused.map(|it| format!("{name} -> {it}")));
    }
    assert_none(&wrong, "the pure crates use nothing that could do I/O");
}

#[test]
fn every_row_of_the_table_is_a_crate() {
    let metadata = metadata();
    let names: Vec<_> = packages(&metadata)
        .iter()
        .map(|it| text(it, "name"))
        .collect();
    let gone = ARROWS.iter().filter(|(name, _)| !names.contains(name));
    let gone: Vec<_> = gone.map(|(name, _)| (*name).to_owned()).collect();
    assert_none(&gone, "rows of the table without a crate");
}

#[test]
fn cargo_test_in_the_root_runs_every_crate_but_those_that_simulate() {
    let metadata = metadata();
    let [mut all, mut by_default] = ["workspace_members", "workspace_default_members"]
        .map(|field| metadata[field].as_array().unwrap().clone());
    all.retain(|id| {
        let is_it = |of: &&Value| of["id"] == *id;
        let package = packages(&metadata).iter().find(is_it).unwrap();
        !WITH_SIMULATION.contains(&text(package, "name"))
    });
    all.sort_by_key(Value::to_string);
    by_default.sort_by_key(Value::to_string);
    assert_eq!(
        all, by_default,
        "`members` and `default-members` of Cargo.toml differ"
    );
}

/// Everything that a package is built of, one a line: name, version, features.
fn tree(package: &str) -> String {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["tree", "--offline", "--edges=normal,build", "--prefix=none"]);
    command.args(["--format", "{p} {f}", "--package", package]);
    let output = command.current_dir(root()).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_doors_of_the_application_speak_no_http() {
    let mut wrong = Vec::new();
    for door in DOORS {
        let tree = tree(door);
        let speaks = |line: &&str| ["axum", "hyper", "tower-http"].contains(line);
        let names = tree.lines().filter_map(|line| line.split(' ').next());
        wrong.extend(names.filter(speaks).map(|name| format!("{door} -> {name}")));
    }
    assert_none(&wrong, "HTTP below a door");
}

#[test]
fn nothing_of_the_simulation_is_in_what_is_built_by_default() {
    let said = tree("meguri");
    let ours = said.lines().find(|line| line.starts_with("meguri-log "));
    let ours = ours.unwrap_or_else(|| panic!("the log is among what is built: {said}"));
    assert!(!ours.contains("simulation"), "{ours}");
    let runtime = said.lines().find(|line| line.starts_with("tokio v"));
    assert!(!runtime.unwrap().contains("test-util"), "{runtime:?}");
}

#[test]
fn every_crate_keeps_the_lints_of_the_workspace() {
    let metadata = metadata();
    let without = packages(&metadata).iter().filter(|package| {
        let manifest = std::fs::read_to_string(text(package, "manifest_path")).unwrap();
        !manifest.contains("[lints]\nworkspace = true")
    });
    let without: Vec<_> = without.map(|it| text(it, "name").to_owned()).collect();
    assert_none(&without, "crates without `[lints] workspace = true`");
}
