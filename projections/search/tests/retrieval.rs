//! How well what people type finds what they mean: queries with known answers among posts that are
//! none.

mod distractors;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use meguri_search::{Analyzer, Document, Query, Searcher, Synonyms};
use serde::Deserialize;

use crate::documents::{Fixture, document, text};
use crate::ipadic::analyzer_with;

/// How many posts that answer none of the queries.
const DISTRACTORS: u64 = 10_000;
/// How many hits are looked at.
const SHOWN: usize = 10;

#[derive(Deserialize)]
struct Post {
    id: u64,
    kind: String,
    title: String,
    body: String,
    tags: Vec<String>,
}

#[derive(Deserialize)]
struct Asked {
    q: String,
    class: String,
    text: String,
    relevant: BTreeSet<i64>,
}

/// Figures of one query: of the relevant posts the share that is shown, and of those shown the
/// share that is relevant (nothing shown is 0).
#[derive(Clone, Copy)]
struct Figures {
    recall: f64,
    precision: f64,
}

/// Means over all queries, and the table they are of.
struct Report {
    recall: f64,
    precision: f64,
    table: String,
}

fn posts() -> Vec<Document> {
    let lines = include_str!("retrieval/posts.jsonl").lines();
    let posts = lines.map(|line| serde_json::from_str::<Post>(line).unwrap());
    let posted = posts.map(|post| Document {
        kind: u8::from(post.kind == "need"),
        body: post.body,
        tags: post.tags,
        // Spread among the others, so that no order of posting helps.
        ..document(post.id * 83 + 41, &post.title)
    });
    posted.collect()
}

fn fixture(analyzer: Analyzer) -> Fixture {
    let fixture = Fixture::new(analyzer);
    let mut posts = posts();
    let taken: BTreeSet<_> = posts.iter().map(|post| post.posted).collect();
    posts.extend(distractors::all(DISTRACTORS, &taken));
    for post in &posts {
        fixture.index.put(post).unwrap();
    }
    fixture.index.commit("all").unwrap();
    fixture
}

fn groups() -> Vec<Vec<String>> {
    serde_json::from_str(include_str!("retrieval/synonyms.json")).unwrap()
}

/// Asks everything, and compares.
fn ask(searcher: &Searcher, synonyms: &Synonyms) -> Report {
    let asked: Vec<Asked> = serde_json::from_str(include_str!("retrieval/queries.json")).unwrap();
    let mut table = "     class          recall precision  text [missed] [wrong]\n".to_owned();
    let mut all = Vec::new();
    for asked in &asked {
        let query = Query {
            limit: SHOWN,
            ..text(&asked.text)
        };
        let found = searcher.search(&query, synonyms).unwrap();
        let shown: Vec<i64> = found
            .hits
            .iter()
            .map(|hit| number(hit.key.posted))
            .collect();
        let relevant = &asked.relevant;
        all.push(figures(relevant, &shown));
        let missed: Vec<_> = relevant.iter().filter(|it| !shown.contains(it)).collect();
        let wrong: Vec<_> = shown.iter().filter(|it| !relevant.contains(it)).collect();
        let relaxed = if found.relaxed { " (relaxed)" } else { "" };
        let Figures { recall, precision } = all[all.len() - 1];
        let (q, class, text) = (&asked.q, &asked.class, &asked.text);
        writeln!(
            table,
            "{q:4} {class:14} {recall:6.2} {precision:9.2}  {text}{relaxed} {missed:?} {wrong:?}",
        )
        .unwrap();
    }
    let count = f64::from(u32::try_from(all.len()).unwrap());
    let recall = all.iter().map(|it| it.recall).sum::<f64>() / count;
    let precision = all.iter().map(|it| it.precision).sum::<f64>() / count;
    writeln!(table, "mean {:14} {recall:6.3} {precision:9.3}", "").unwrap();
    Report {
        recall,
        precision,
        table,
    }
}

/// Which post it is; -1 is one that answers nothing.
fn number(posted: u64) -> i64 {
    let post = (posted % 83 == 41).then_some(posted / 83);
    post.map_or(-1, |post| i64::try_from(post).unwrap())
}

fn figures(relevant: &BTreeSet<i64>, shown: &[i64]) -> Figures {
    let right = shown.iter().filter(|it| relevant.contains(it)).count();
    let share = |of: usize| {
        let (right, of) = (u32::try_from(right).unwrap(), u32::try_from(of).unwrap());
        if of == 0 {
            0.0
        } else {
            f64::from(right) / f64::from(of)
        }
    };
    Figures {
        recall: share(relevant.len().min(SHOWN)),
        precision: share(shown.len()),
    }
}

#[expect(
    clippy::print_stderr,
    reason = "the table is what the test is read for"
)]
fn print(title: &str, report: &Report) {
    eprintln!("\n{title}\n{}", report.table);
}

#[test]
fn people_find_what_they_mean_by_the_dictionary() {
    let analyzer = analyzer_with(&[]);
    let fixture = fixture(analyzer.clone());
    let searcher = fixture.index.searcher();
    let without = ask(&searcher, &Synonyms::default());
    print("dictionary, no synonyms", &without);
    let with = ask(&searcher, &Synonyms::new(&analyzer, &groups()));
    print("dictionary, synonyms", &with);
    assert!(
        without.recall >= 0.86 && without.precision >= 0.95,
        "{}",
        without.table
    );
    assert!(
        with.recall >= 0.95 && with.precision >= 0.95,
        "{}",
        with.table
    );
}

#[test]
fn people_find_most_of_what_they_mean_without_a_dictionary() {
    let analyzer = Analyzer::without_dictionary(&[]).unwrap();
    let fixture = fixture(analyzer.clone());
    let searcher = fixture.index.searcher();
    let without = ask(&searcher, &Synonyms::default());
    print("boundaries, no synonyms", &without);
    let with = ask(&searcher, &Synonyms::new(&analyzer, &groups()));
    print("boundaries, synonyms", &with);
    assert!(
        with.recall >= 0.80 && with.precision >= 0.90,
        "{}",
        with.table
    );
}
