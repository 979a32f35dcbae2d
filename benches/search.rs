//! How fast posts are searched, suggested and found after they were posted, and SQLite's FTS5
//! with trigrams beside it in the same run.
//!
//! `cargo bench -p meguri-benches --bench search -- --fill FOLDER [POSTS]` writes the log;
//! `… --serve FOLDER DICTIONARY` builds the view where there is none; asked again it measures, and
//! then FTS5 on the rows of that view.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench prints, and stops on failure"
)]

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use meguri_benches::{Numbers, percentile, rate};
use meguri_engine::{ViewSettings, Views};
use meguri_events::{Category, Prefecture};
use meguri_log::{Kek, Location, Log, LogOptions};
use meguri_search::Analyzer;
use meguri_views::Moment;
use meguri_views::{
    board::ModeWanted, posts::PostKind, search::SearchNear, search::SearchQuery, search::SearchSort,
};

#[path = "search/fts.rs"]
mod fts;
#[path = "search/posts.rs"]
mod posts;

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const POSTS: usize = 200_000;
const CLIENTS: usize = 2;
const QUERIES: usize = 1_000;
/// Posts that are waited for, one after the other.
const WAITED_FOR: usize = 200;
const LONG: Duration = Duration::from_hours(1);

/// What members look for: words of the demo's posts, in several writings.
const WORDS: [&str; 24] = [
    "引っ越し",
    "ひっこし",
    "掃除",
    "犬の散歩",
    "パソコン",
    "スマホの使い方",
    "英会話",
    "料理",
    "庭の草むしり",
    "買い物",
    "子どもの勉強",
    "家具の組み立て",
    "自転車",
    "写真",
    "編み物",
    "ピアノ",
    "病院の付き添い",
    "年賀状",
    "電球の交換",
    "猫",
    "話し相手",
    "翻訳",
    "車",
    "本棚",
];
const PREFIXES: [&str; 12] = [
    "ひ", "引", "そう", "掃", "パソ", "ぱそ", "英", "庭", "か", "写", "スマ", "に",
];

async fn open_log(folder: &Path) -> Log {
    let location = Location::Sqlite {
        log: folder.join("log.db"),
        vault: folder.join("vault.db"),
    };
    let options = LogOptions::new(location, Kek::File(folder.join("vault.key")));
    Log::open(&options).await.unwrap()
}

/// Makes a query by chance.
type Draw = fn(&mut Numbers) -> SearchQuery;

/// The kinds of query that are measured.
const KINDS: [(&str, Draw); 7] = [
    ("words, facets", |numbers| plain(word(numbers))),
    ("words, five filters, facets", |numbers| {
        let word = word(numbers);
        filtered(numbers, word)
    }),
    ("five filters, facets", |numbers| filtered(numbers, "")),
    ("words, within 50 km, facets", |numbers| {
        near(50.0, word(numbers))
    }),
    ("within 50 km, facets", |_| near(50.0, "")),
    ("within 300 km, facets", |_| near(300.0, "")),
    ("everything, newest, facets", |_| plain("")),
];

fn filtered(numbers: &mut Numbers, text: &str) -> SearchQuery {
    let prefecture = u8::try_from(numbers.below(47) + 1).unwrap();
    SearchQuery {
        kind: Some(PostKind::Need),
        category: Some(Category::ALL[numbers.below(Category::ALL.len())]),
        prefecture: Prefecture::from_code(prefecture).ok(),
        mode: Some(ModeWanted::Offline),
        no_return_needed: Some(true),
        ..plain(text)
    }
}

/// Around Tokyo, the nearest first.
fn near(km: f64, text: &str) -> SearchQuery {
    SearchQuery {
        near: Some(SearchNear {
            lat: 35.7,
            lon: 139.7,
            km,
        }),
        sort: SearchSort::Nearest,
        ..plain(text)
    }
}

fn word(numbers: &mut Numbers) -> &'static str {
    WORDS[numbers.below(WORDS.len())]
}

fn plain(text: &str) -> SearchQuery {
    SearchQuery {
        text: text.to_owned(),
        limit: 20,
        ..SearchQuery::default()
    }
}

async fn serve(folder: &Path, dictionary: &Path) {
    let log = open_log(folder).await;
    let analyzer = Analyzer::with_dictionary(dictionary, &[]).unwrap();
    let settings = ViewSettings {
        views: meguri_views::all()
            .only(&["search"])
            .searching_by(&analyzer),
        ..meguri_views::settings()
    };
    let begun = Instant::now();
    let dir = folder.join("views");
    let is_new = !dir.exists();
    let views = Views::open(log.clone(), dir, settings).await.unwrap();
    views
        .wait_for("search", log.known_head(), LONG)
        .await
        .unwrap();
    let search = Moment::live(&views).search();
    if is_new {
        let posts = search.search(&plain("")).await.unwrap().total;
        let posts = usize::try_from(posts).unwrap();
        println!(
            "built from the log: {posts} posts, {:.0}/s",
            rate(posts, begun.elapsed())
        );
        views.close().await;
        return log.close().await;
    }
    for (name, query) in KINDS {
        let times = clients(async |numbers| {
            search.search(&query(numbers)).await.unwrap();
        });
        tell(name, times.await);
    }
    let times = clients(async |numbers| {
        let prefix = PREFIXES[numbers.below(PREFIXES.len())].to_owned();
        search.suggest(prefix, 10).await.unwrap();
    });
    tell("suggestions", times.await);
    println!("resident: {}", resident());
    tell("found after it was acknowledged", waits(&log, &views).await);
    println!("resident: {}", resident());
    fts::measure(folder).await;
    views.close().await;
    log.close().await;
}

/// How long posts are waited for, from when they were acknowledged.
async fn waits(log: &Log, views: &Views) -> Vec<Duration> {
    let (texts, mut numbers) = (posts::texts(), Numbers::new(11));
    let mut times = Vec::new();
    for number in 0..WAITED_FOR {
        let position = posts::append(log, &[posts::post(&texts, &mut numbers, number)]).await;
        let acknowledged = Instant::now();
        views.wait_for("search", position, LONG).await.unwrap();
        times.push(acknowledged.elapsed());
        tokio::time::sleep(Duration::from_millis(numbers.below(400) as u64)).await;
    }
    times
}

/// Asks from several clients at once, one question after the other.
async fn clients(ask: impl AsyncFn(&mut Numbers)) -> Vec<Duration> {
    let each = (0..CLIENTS).map(|client| {
        let ask = &ask;
        async move {
            let mut numbers = Numbers::new(client as u64 + 1);
            let mut times = Vec::with_capacity(QUERIES);
            for _ in 0..QUERIES {
                let begun = Instant::now();
                ask(&mut numbers).await;
                times.push(begun.elapsed());
            }
            times
        }
    });
    futures::future::join_all(each).await.concat()
}

fn tell(name: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let times: Vec<f64> = times.iter().map(|time| time.as_secs_f64() * 1e3).collect();
    let [half, most] = [0.5, 0.99].map(|part| percentile(&times, part));
    println!("{name}: p50 {half:.2} ms, p99 {most:.2} ms");
}

/// Memory of this process: its own, and pages of files.
fn resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let lines = status
        .lines()
        .filter(|line| line.starts_with("Rss") || line.starts_with("VmRSS"));
    let lines: Vec<_> = lines
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    lines.join(", ")
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let given: Vec<String> = std::env::args()
        .skip(1)
        .filter(|it| it != "--bench")
        .collect();
    let given: Vec<&str> = given.iter().map(String::as_str).collect();
    runtime.block_on(async {
        match given.as_slice() {
            ["--fill", folder] => posts::fill(&PathBuf::from(folder), POSTS).await,
            ["--fill", folder, posts] => {
                posts::fill(&PathBuf::from(folder), posts.parse().unwrap()).await;
            }
            ["--serve", folder, dictionary] => {
                serve(&PathBuf::from(folder), &PathBuf::from(dictionary)).await;
            }
            _ => println!("--fill FOLDER [POSTS] | --serve FOLDER DICTIONARY"),
        }
    });
}
