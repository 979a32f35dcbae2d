//! `meguri log stat`: how many events of which kind, and how much room they take.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write;

use meguri_log::{Filter, Log, Position, Recorded};

use crate::failure::{Failure, to_stdout};
use crate::figures::bytes;
use crate::settings::Settings;
use crate::storage::{LOG_FILE, VAULT_FILE};

/// Events that are read at a time.
const BLOCK_EVENTS: usize = 5_000;

/// How many events, and their bytes.
#[derive(Debug, Default, Clone, Copy)]
struct Count {
    events: u64,
    header_bytes: u64,
    sealed_bytes: u64,
}

impl Count {
    fn add(&mut self, event: &Recorded) {
        self.events += 1;
        self.header_bytes += event.header_text().map_or(0, str::len) as u64;
        self.sealed_bytes += event.sealed_bytes().len() as u64;
    }
}

#[derive(Debug, Default)]
struct Statistics {
    all: Count,
    by_category: BTreeMap<String, Count>,
    by_type: BTreeMap<String, Count>,
}

/// Reads the whole log and prints what is in it.
pub(super) async fn run(
    log: &Log,
    settings: &Settings,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let mut statistics = Statistics::default();
    let mut after = Position::ZERO;
    loop {
        let block = log
            .read_all(after, &Filter::default(), BLOCK_EVENTS)
            .await?;
        block.events.iter().for_each(|event| statistics.add(event));
        if block.up_to == after {
            break;
        }
        after = block.up_to;
    }
    let head = log.head().await?;
    let mut text = format!("head      position {}", head.position);
    if head.position > Position::ZERO {
        let _ = write!(text, ", event {}, at {}", head.tail, head.at);
    }
    text.push('\n');
    text.push_str(&place(settings));
    text.push_str(&statistics.table());
    out.write_all(text.as_bytes()).map_err(to_stdout)
}

/// Where log and vault are, and how large their files.
fn place(settings: &Settings) -> String {
    if let (Some(log), Some(vault)) = (&settings.database_url.value, &settings.vault_url.value) {
        return format!("log       {log}\nvault     {vault}\n");
    }
    let file = |name: &str| {
        let path = settings.data.value.join(name);
        // What was written last stands in the write-ahead log beside the file.
        let beside = settings.data.value.join(format!("{name}-wal"));
        let sizes = [&path, &beside].map(|path| std::fs::metadata(path).map_or(0, |it| it.len()));
        format!("{} ({})", path.display(), bytes(sizes.iter().sum()))
    };
    format!(
        "log       {}\nvault     {}\n",
        file(LOG_FILE),
        file(VAULT_FILE)
    )
}

impl Statistics {
    fn add(&mut self, event: &Recorded) {
        let category = event.stream().split('-').next().unwrap_or_default();
        self.all.add(event);
        count(&mut self.by_category, category).add(event);
        count(&mut self.by_type, event.event_type()).add(event);
    }

    fn table(&self) -> String {
        let mut text = String::new();
        for (title, counts) in [("category", &self.by_category), ("type", &self.by_type)] {
            let _ = writeln!(
                text,
                "\n{title:<20} {:>10} {:>10} {:>10}",
                "events", "open", "sealed"
            );
            for (name, count) in counts {
                text.push_str(&count.row(name));
            }
        }
        text.push('\n');
        text.push_str(&self.all.row("all"));
        text
    }
}

/// The count under a name, without making the name anew for every event.
fn count<'c>(counts: &'c mut BTreeMap<String, Count>, name: &str) -> &'c mut Count {
    if !counts.contains_key(name) {
        counts.insert(name.to_owned(), Count::default());
    }
    counts.entry(name.to_owned()).or_default()
}

impl Count {
    fn row(&self, name: &str) -> String {
        let (open, sealed) = (bytes(self.header_bytes), bytes(self.sealed_bytes));
        format!("{name:<20} {:>10} {open:>10} {sealed:>10}\n", self.events)
    }
}
