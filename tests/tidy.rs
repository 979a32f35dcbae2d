//! House rules that a machine can check: sizes, names, first sentences, things left undone.

use crate::sources::{Source, assert_none, root, with_extension};

/// The longest a Rust file may be, in lines.
const FILE_LINES_MAX: usize = 400;
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
