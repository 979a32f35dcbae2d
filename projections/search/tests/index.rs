//! Documents are put, found, replaced, removed, and stay as of the last commit.

use meguri_search::{Index, IndexError, Query, Searcher};

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
    fixture.index.remove(id(2)).unwrap();
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

#[test]
fn a_folder_with_another_or_a_broken_index_is_refused_and_works_when_it_is_cleared() {
    let folder = tempfile::tempdir().unwrap();
    let mut schema = tantivy::schema::Schema::builder();
    schema.add_u64_field("other", tantivy::schema::FAST);
    tantivy::Index::create_in_dir(folder.path(), schema.build()).unwrap();
    let open = || Index::open(folder.path(), analyzer_with(&[]));
    assert!(matches!(open(), Err(IndexError::Open { .. })));
    std::fs::write(folder.path().join("meta.json"), "{").unwrap();
    assert!(matches!(open(), Err(IndexError::Open { .. })));
    std::fs::remove_dir_all(folder.path()).unwrap();
    open().unwrap().commit("new").unwrap();
}

#[test]
fn a_folder_belongs_to_one_open_index() {
    let fixture = Fixture::new(analyzer_with(&[]));
    let second = Index::open(fixture.folder.path(), analyzer_with(&[]));
    assert!(matches!(second, Err(IndexError::InUse { .. })));
    fixture.index.let_go();
    assert!(Index::open(fixture.folder.path(), analyzer_with(&[])).is_ok());
    assert!(matches!(fixture.index.commit("2"), Err(IndexError::LetGo)));
}

#[test]
fn an_index_that_could_not_be_written_for_a_while_is_written_again_with_what_was_lost() {
    let fixture = Fixture::new(analyzer_with(&[])).with_titles(&["引っ越し"]);
    let here = fixture.folder.path();
    let away = here.with_extension("away");
    for round in 2..4 {
        std::fs::rename(here, &away).unwrap();
        for _ in 0..3 {
            let written = fixture.index.put(&document(round, "犬の散歩"));
            let written = written.and_then(|()| fixture.index.commit("lost"));
            assert!(written.is_err(), "its folder is not there");
            assert_eq!(fixture.index.payload().as_deref(), Some("titles"));
        }
        std::fs::rename(&away, here).unwrap();
        fixture.index.put(&document(round, "犬の散歩")).unwrap();
        fixture.index.commit("titles").unwrap();
        let found = found(&fixture.index.searcher(), &text("犬"));
        assert_eq!(found.len() as u64, round - 1);
    }
    assert_eq!(found(&fixture.index.searcher(), &text("引っ越し")), [1]);
}

#[test]
fn an_index_is_shared_by_threads() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<Index>();
    shared::<Searcher>();
}
