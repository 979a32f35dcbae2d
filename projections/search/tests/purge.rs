//! What was removed leaves nothing in the files.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use meguri_search::{Document, Query};

use crate::documents::{Fixture, document, found, id, text};
use crate::ipadic::analyzer_with;

/// Which files of a folder hold these bytes.
fn holding(folder: &Path, bytes: &[u8]) -> Vec<String> {
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let holding = files.filter(|path| {
        let content = fs::read(path).unwrap();
        content.windows(bytes.len()).any(|window| window == bytes)
    });
    holding.map(|path| path.display().to_string()).collect()
}

/// Every term of every list of an index. Dictionaries of terms share what terms begin with, so that
/// looking for bytes alone would find nothing that is there, either.
fn terms(folder: &Path) -> BTreeSet<String> {
    let index = tantivy::Index::open_in_dir(folder).unwrap();
    let mut all = BTreeSet::new();
    let searcher = index.reader().unwrap().searcher();
    for segment in searcher.segment_readers() {
        for (field, entry) in index.schema().fields() {
            if !entry.is_indexed() {
                continue;
            }
            let list = segment.inverted_index(field).unwrap();
            let mut terms = list.terms().stream().unwrap();
            while let Some((term, _)) = terms.next() {
                all.insert(String::from_utf8_lossy(term).into_owned());
            }
        }
    }
    all
}

/// A document with words that stand nowhere else.
fn secret() -> Document {
    Document {
        body: "墾田永年私財法 qzxwvut".to_owned(),
        tags: vec!["jkqzzyx".to_owned()],
        city: Some("vvqqzz".to_owned()),
        ..document(500, "鷲摑み 蠱惑")
    }
}

#[test]
fn after_purging_no_byte_of_what_was_removed_is_left() {
    let fixture = Fixture::new(analyzer_with(&[])).with_titles(&["犬の散歩", "猫の世話"]);
    let (index, folder) = (&fixture.index, fixture.folder.path());
    index.put(&secret()).unwrap();
    index.commit("secret").unwrap();
    for posted in 600..630 {
        index.put(&document(posted, "庭の手入れ")).unwrap();
        index.commit("more").unwrap();
    }
    let traces = ["qzxwvut", "jkqzzyx", "墾田", "蠱惑"];
    let before = terms(folder);
    let holds =
        |terms: &BTreeSet<String>, trace: &str| terms.iter().any(|term| term.contains(trace));
    assert!(
        traces.iter().all(|trace| holds(&before, trace)),
        "{before:?}"
    );
    index.remove(id(500)).unwrap();
    index.purge("purged").unwrap();
    let after = terms(folder);
    for trace in traces {
        assert!(!holds(&after, trace), "{trace} is in {after:?}");
        for bytes in [trace.to_owned(), trace.chars().rev().collect()] {
            assert_eq!(
                holding(folder, bytes.as_bytes()),
                Vec::<String>::new(),
                "{trace}"
            );
        }
    }
    assert_eq!(
        holding(folder, secret().id.as_bytes()),
        Vec::<String>::new()
    );
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let dictionaries = files.filter(|path| path.extension().is_some_and(|it| it == "term"));
    assert_eq!(dictionaries.count(), 1);
    let searcher = index.searcher();
    assert_eq!((searcher.payload(), searcher.count()), (Some("purged"), 32));
    assert_eq!(found(&searcher, &text("犬")), [1]);
    assert!(searcher.suggest("jkq", 5).unwrap().is_empty());
}

#[test]
fn purging_an_index_that_lost_everything_leaves_it_empty_and_in_use() {
    let fixture = Fixture::new(analyzer_with(&[])).with_titles(&["犬の散歩"]);
    fixture.index.remove(id(1)).unwrap();
    fixture.index.purge("empty").unwrap();
    let browse = Query {
        limit: 5,
        ..Query::default()
    };
    assert!(found(&fixture.index.searcher(), &browse).is_empty());
    fixture.index.put(&document(2, "猫の世話")).unwrap();
    fixture.index.commit("again").unwrap();
    assert_eq!(found(&fixture.index.searcher(), &browse), [2]);
}

#[test]
fn searching_goes_on_in_a_snapshot_that_was_taken_before() {
    let fixture = Fixture::new(analyzer_with(&[])).with_titles(&["犬の散歩", "猫の世話"]);
    let before = fixture.index.searcher();
    fixture.index.remove(id(1)).unwrap();
    fixture.index.purge("purged").unwrap();
    assert_eq!(found(&before, &text("犬")), [1]);
    assert!(found(&fixture.index.searcher(), &text("犬")).is_empty());
}
