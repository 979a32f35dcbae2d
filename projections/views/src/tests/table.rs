//! Rows of a table in memory: asked for, changed, written once.

use sqlx::{Connection as _, Executor as _, SqliteConnection};

use meguri_engine::{
    AnyRows as _, FoldError, Rows, files::rescan, folding::digest::TableDigest, select,
};

use crate::column::table;

table! {
    /// Words of one book.
    pub struct Word in "word"
    by {
        /// The book.
        book: String,
        /// The place.
        place: u32,
    }
    with {
        /// The word.
        text: Option<String>,
    }
}

fn word(place: u32, text: &str) -> Word {
    Word {
        book: "源氏".into(),
        place,
        text: Some(text.into()),
    }
}

async fn file() -> SqliteConnection {
    let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
    let schema = "create table word (book text, place integer, text text,
        primary key (book, place)) without rowid, strict";
    connection.execute(schema).await.unwrap();
    connection
}

/// The sum over the rows as they stand in the file.
async fn scanned(file: &mut SqliteConnection) -> TableDigest {
    rescan::table(file, "word", &["book", "place", "text"])
        .await
        .unwrap()
}

#[tokio::test]
async fn touched_rows_are_written_in_bulk_and_come_back() {
    let mut file = file().await;
    let mut rows = Rows::default();
    (0..300).for_each(|place| rows.put(word(place, "いづれ")));
    let mut sum = TableDigest::default();
    rows.write_block(&mut file, &mut sum).await.unwrap();
    assert_eq!(sum, scanned(&mut file).await);

    let mut rows = Rows::<Word>::default();
    rows.ask(("源氏".into(), 7));
    rows.ask(("源氏".into(), 999));
    rows.load(&mut file).await.unwrap();
    rows.row(&("源氏".into(), 7)).unwrap().text = None;
    rows.remove(&word(8, "いづれ"));
    assert!(rows.row(&("源氏".into(), 999)).is_err());
    rows.write(&mut file, &mut sum, 10).await.unwrap();
    assert_eq!(sum, scanned(&mut file).await);
    // What stayed in memory is what the file has.
    rows.row(&("源氏".into(), 7)).unwrap().text = Some("の".into());
    rows.write(&mut file, &mut sum, 10).await.unwrap();
    assert_eq!(sum, scanned(&mut file).await);
    rows.row(&("源氏".into(), 7)).unwrap().text = None;
    rows.write(&mut file, &mut sum, 0).await.unwrap();
    assert_eq!(sum, scanned(&mut file).await);

    let all: Vec<Word> = select(&mut file, "order by place", vec![]).await.unwrap();
    assert_eq!(all.len(), 299);
    assert_eq!(
        all[7],
        Word {
            text: None,
            ..word(7, "")
        }
    );
    assert_eq!(all[8], word(9, "いづれ"));
}

#[test]
fn a_row_that_was_not_asked_for_cannot_be_read_even_when_it_is_in_memory() {
    let mut rows = Rows::default();
    rows.put(word(1, "の"));
    assert!(matches!(
        rows.row(&("源氏".into(), 1)),
        Err(FoldError::NotAsked { .. })
    ));
    rows.ask(("源氏".into(), 1));
    assert!(rows.row(&("源氏".into(), 1)).is_ok());
    rows.ask(("源氏".into(), 2));
    assert!(matches!(
        rows.row(&("源氏".into(), 2)),
        Err(FoldError::NoRow { .. })
    ));
}
