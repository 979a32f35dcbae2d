//! Documents are put, found, replaced, removed, and stay as of the last commit.

use meguri_search::{Index, Query};

use crate::documents::{Fixture, document, found, id, text};
use crate::ipadic::analyzer_with;

#[test]
fn what_was_committed_is_found_and_what_was_not_is_not() {
    let fixture = Fixture::new(analyzer_with(&[])).with_titles(&["引っ越しの手伝い", "犬の散歩"]);
    let before = fixture.index.searcher();
    fixture.index.put(&document(3, "単身ヒッコシ便")).unwrap();
    assert_eq!(found(&fixture.index.searcher(), &text("ひっこし")), [1]);
    fixture.index.commit("third").unwrap();
    let after = fixture.index.searcher();
    let mut both = found(&after, &text("ひっこし"));
    both.sort_unstable();
    assert_eq!(both, [1, 3]);
    assert_eq!(
        (before.payload(), after.payload()),
        (Some("titles"), Some("third"))
    );
    assert_eq!(found(&before, &text("ひっこし")), [1]);
}

#[test]
fn a_document_is_replaced_by_its_identity_and_removed() {
    let fixture = Fixture::new(analyzer_with(&[])).with_titles(&["引っ越し", "犬の散歩"]);
    fixture.index.put(&document(1, "猫の世話")).unwrap();
    fixture.index.remove(id(2));
    fixture.index.commit("changed").unwrap();
    let searcher = fixture.index.searcher();
    assert!(found(&searcher, &text("引っ越し")).is_empty());
    assert!(found(&searcher, &text("犬")).is_empty());
    assert_eq!(found(&searcher, &text("猫")), [1]);
    let documents: Vec<_> = searcher.documents().unwrap().collect();
    assert_eq!(documents, [(id(1), 7)]);
}

#[test]
fn an_opened_index_is_as_of_its_last_commit() {
    let fixture = Fixture::new(analyzer_with(&[])).with_titles(&["引っ越し"]);
    fixture.index.put(&document(2, "犬の散歩")).unwrap();
    let Fixture { index, folder } = fixture;
    drop(index);
    let index = Index::open(folder.path(), analyzer_with(&[])).unwrap();
    assert_eq!(index.payload().as_deref(), Some("titles"));
    assert_eq!(
        found(
            &index.searcher(),
            &Query {
                limit: 5,
                ..Query::default()
            }
        ),
        [1]
    );
}
