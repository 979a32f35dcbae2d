//! The same rows in SQLite's FTS5 with trigrams.

use std::{path::Path, time::Instant};

use meguri_benches::Numbers;
use sqlx::{Connection as _, SqliteConnection};

use crate::{QUERIES, WORDS, tell};

/// Measures the rows of a view that was built; only words of three characters or more can be found.
pub(crate) async fn measure(folder: &Path) {
    let search = folder.join("views/search");
    let mut views = std::fs::read_dir(search)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let view = views.find_map(|path| Some(path.join("view.db")).filter(|file| file.exists()));
    let mut sqlite = SqliteConnection::connect(&format!("sqlite:{}", view.unwrap().display()))
        .await
        .unwrap();
    let copy = folder.join("fts.db");
    // What is attached has to be there.
    std::fs::write(&copy, "").unwrap();
    let make = format!(
        "attach '{}' as fts; create virtual table fts.text using fts5(title, description, \
         tags, tokenize = 'trigram'); insert into fts.text (rowid, title, description, tags) \
         select rowid, title, description, tags from main.post where open",
        copy.display()
    );
    let begun = Instant::now();
    sqlx::raw_sql(sqlx::AssertSqlSafe(make))
        .execute(&mut sqlite)
        .await
        .unwrap();
    println!(
        "FTS5 trigram: indexed in {:.1} s",
        begun.elapsed().as_secs_f64()
    );
    let words: Vec<_> = WORDS
        .iter()
        .filter(|word| word.chars().count() > 2)
        .collect();
    let filters = "from fts.text join main.post on post.rowid = text.rowid
        where text match ? and kind = 'need' and category = 'housework' and prefecture = 13
        and offline and no_return_needed";
    let (mut numbers, mut times) = (Numbers::new(1), Vec::new());
    for _ in 0..QUERIES / 4 {
        let word = format!("\"{}\"", words[numbers.below(words.len())]);
        let begun = Instant::now();
        for rest in [
            format!("select post.id {filters} order by rank limit 20"),
            format!("select category, count(*) {filters} group by category"),
            format!("select prefecture, count(*) {filters} group by prefecture"),
        ] {
            let query = sqlx::query(sqlx::AssertSqlSafe(rest)).bind(&word);
            query.fetch_all(&mut sqlite).await.unwrap();
        }
        times.push(begun.elapsed());
    }
    tell("FTS5 trigram: words, five filters, two facets", times);
}
