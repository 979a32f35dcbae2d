//! Opening what is sealed, on one core: the hot path of every rebuild of a view that shows words.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench prints, and stops on failure"
)]

use std::sync::Arc;

use futures::future::join_all;
use meguri_benches::{conditional, median, peak_memory_mib, rate, stream, timed};
use meguri_log::{
    Append, Block, Filter, Log, NewEvent, NewSection, Position, Section, SectionContent,
    SystemClock, Version,
};
use meguri_test_logs::{Backend, Home};

/// Enough that the cost of the first use of a key shows, and is not all there is.
const EVENTS: usize = 240_000;
const MEMBERS: usize = 20_000;
/// Each member has a key for what they write and one for how they are reached.
const KEYS: usize = MEMBERS * 2;
const ROUNDS: usize = 5;

fn section(name: &'static str, class: &'static str, member: usize) -> NewSection {
    NewSection {
        section: name.into(),
        subject: format!("member-0192f0c0-0000-7000-8000-{member:012}"),
        class: class.into(),
        plaintext: br#"{"words":"The gutters are clean, thank you so much!","n":1}"#.to_vec(),
    }
}

/// An event with one section, and every other one with two.
fn event(number: usize) -> NewEvent {
    let mut event = conditional(&stream(number), Version::ZERO).events.remove(0);
    // Neighbours in the log are of different people.
    let member = number * 7_919 % MEMBERS;
    event.sealed = vec![section("words", "message", member)];
    if number.is_multiple_of(2) {
        event.sealed.push(section("mail", "contact", member));
    }
    event
}

async fn fill(log: &Log) {
    for first in (0..EVENTS).step_by(4_000) {
        let appends = (first..first + 4_000).step_by(4).map(|first| {
            log.append(Append {
                events: (first..first + 4).map(event).collect(),
                conditions: Vec::new(),
                ..conditional(&stream(0), Version::ZERO)
            })
        });
        for appended in join_all(appends).await {
            appended.unwrap();
        }
    }
}

async fn blocks(log: &Log) -> Vec<Block> {
    let (mut blocks, mut ahead) = (
        Vec::new(),
        log.read_ahead(Position::ZERO, Filter::default()),
    );
    while let Some(block) = ahead.next().await {
        blocks.push(block.unwrap());
    }
    blocks
}

/// Opens every section of the log, and answers how many there were.
async fn open(log: &Log, blocks: &[Block]) -> usize {
    let mut sections = 0;
    for block in blocks {
        for opened in log.open_events(&block.events).await.unwrap() {
            let opened = opened.unwrap().unwrap().sections;
            let plain = |section: &Section| matches!(section.content, SectionContent::Plain(_));
            assert!(opened.iter().all(plain));
            sections += opened.len();
        }
    }
    sections
}

async fn on(name: &str, backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    fill(&log).await;
    log.close().await;
    let (mut first, mut again, mut memory) = (Vec::new(), Vec::new(), 0.0_f64);
    for _ in 0..ROUNDS {
        let log = home.open_with(Arc::new(SystemClock)).await;
        let blocks = blocks(&log).await;
        let before = peak_memory_mib();
        for figures in [&mut first, &mut again] {
            let (sections, taken) = timed(open(&log, &blocks)).await;
            assert_eq!(sections, EVENTS / 2 * 3);
            figures.push(rate(EVENTS, taken));
        }
        memory = memory.max(peak_memory_mib() - before);
        log.close().await;
    }
    println!("{name}, {EVENTS} events under {KEYS} keys, median of {ROUNDS}");
    println!("  with no key in memory    {:>9.0} events/s", median(first));
    println!("  with all keys in memory  {:>9.0} events/s", median(again));
    println!("  memory taken             {memory:>9.0} MiB");
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    on("SQLite", Backend::Sqlite).await;
    on("PostgreSQL", Backend::Postgres).await;
}
