//! The vocabulary of search: words are kept once, groups of synonyms do not overlap.

use meguri_domain::{Aggregate, Vocabulary, VocabularyError};
use meguri_events::{Reading, VocabularyEvent, VocabularyWord};

fn word(text: &str) -> VocabularyWord {
    text.parse().unwrap()
}

fn words(texts: &[&str]) -> Vec<VocabularyWord> {
    texts.iter().map(|text| word(text)).collect()
}

fn reading(text: &str) -> Reading {
    text.parse().unwrap()
}

/// The vocabulary after these events.
fn given(events: &[Vec<VocabularyEvent>]) -> Vocabulary {
    Vocabulary::replay(events.concat().iter()).unwrap_or_default()
}

#[test]
fn a_word_is_added_once_and_may_get_another_reading() {
    let added = Vocabulary::default()
        .add_word(word("推し活"), Some(reading("おしかつ")))
        .unwrap();
    assert_eq!(added.len(), 1);
    let vocabulary = given(&[added]);
    let again = vocabulary.add_word(word("推し活"), Some(reading("おしかつ")));
    assert_eq!(again, Ok(vec![]));
    let otherwise = vocabulary.add_word(word("推し活"), None).unwrap();
    assert_eq!(otherwise.len(), 1);
}

#[test]
fn only_a_word_that_is_there_is_removed() {
    let empty = Vocabulary::default();
    let absent = empty.remove_word(word("推し活"));
    assert_eq!(absent, Err(VocabularyError::NotThere));
    let added = empty.add_word(word("推し活"), None).unwrap();
    let removed = given(std::slice::from_ref(&added))
        .remove_word(word("推し活"))
        .unwrap();
    assert_eq!(
        given(&[added, removed]).remove_word(word("推し活")),
        Err(VocabularyError::NotThere)
    );
}

#[test]
fn a_group_has_two_to_twenty_words_each_once() {
    let vocabulary = Vocabulary::default();
    let many: Vec<String> = (0..21).map(|number| format!("語{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for bad in [&["PC"][..], &["PC", "PC"], &many] {
        let refused = vocabulary.group(1, words(bad));
        assert_eq!(refused, Err(VocabularyError::NotAGroup), "{bad:?}");
    }
    for number in [0, 2_001] {
        let refused = vocabulary.group(number, words(&["PC", "パソコン"]));
        assert_eq!(refused, Err(VocabularyError::NoSuchNumber));
    }
    assert_eq!(vocabulary.group(1, words(&many[..20])).unwrap().len(), 1);
}

#[test]
fn a_word_stands_in_one_group_at_most_until_that_is_dissolved() {
    let first = Vocabulary::default()
        .group(1, words(&["PC", "パソコン"]))
        .unwrap();
    let vocabulary = given(std::slice::from_ref(&first));
    assert_eq!(
        vocabulary.group(2, words(&["パソコン", "計算機"])),
        Err(VocabularyError::InAnotherGroup)
    );
    assert_eq!(vocabulary.group(1, words(&["PC", "パソコン"])), Ok(vec![]));
    let grown = vocabulary.group(1, words(&["PC", "パソコン", "コンピューター"]));
    assert_eq!(grown.unwrap().len(), 1);
    let dissolved = vocabulary.ungroup(1).unwrap();
    let vocabulary = given(&[first, dissolved]);
    assert_eq!(vocabulary.ungroup(1), Err(VocabularyError::NotThere));
    assert!(vocabulary.group(2, words(&["パソコン", "計算機"])).is_ok());
}

#[test]
fn the_vocabulary_takes_ten_thousand_words() {
    let vocabulary = Vocabulary::default();
    let events: Vec<_> = (0..meguri_domain::VOCABULARY_WORDS_MAX)
        .map(|number| {
            vocabulary
                .add_word(word(&format!("語{number}")), None)
                .unwrap()
        })
        .collect();
    let full = given(&events);
    let refused = full.add_word(word("もうひとつ"), None);
    assert_eq!(refused, Err(VocabularyError::TooManyWords));
    assert!(full.add_word(word("語7"), Some(reading("ごなな"))).is_ok());
}
