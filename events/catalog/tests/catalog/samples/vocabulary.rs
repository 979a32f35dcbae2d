//! Samples of the words of search.

use meguri_events::{
    Event, SynonymsGrouped, SynonymsUngrouped, VocabularyWordAdded, VocabularyWordRemoved,
};

pub(super) fn vocabulary() -> Vec<Event> {
    let word = |text: &str| text.parse().unwrap();
    vec![
        VocabularyWordAdded {
            word: word("推し活"),
            reading: Some("おしかつ".parse().unwrap()),
        }
        .into(),
        VocabularyWordRemoved {
            word: word("推し活"),
        }
        .into(),
        SynonymsGrouped {
            group: 1,
            words: vec![word("PC"), word("パソコン"), word("コンピューター")],
        }
        .into(),
        SynonymsUngrouped { group: 1 }.into(),
    ]
}
