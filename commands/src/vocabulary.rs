//! The vocabulary of search: words and groups of synonyms, looked after by operators.

use async_trait::async_trait;
use meguri_domain::{Vocabulary, VocabularyError};
use meguri_events::{Reading, VOCABULARY_STREAM, VocabularyEvent, VocabularyWord};

use crate::handle::{Attempt, Decision, Done, stream};
use crate::{Caller, CommandError, Commands};

impl Commands {
    /// Has search keep a word whole from now on, or read it otherwise.
    ///
    /// # Errors
    /// Refused where the vocabulary is full.
    pub async fn add_word(
        &self,
        caller: &Caller,
        word: VocabularyWord,
        reading: Option<Reading>,
    ) -> Result<Done, CommandError> {
        self.on_vocabulary("add_word", caller, |vocabulary| {
            vocabulary.add_word(word.clone(), reading.clone())
        })
        .await
    }

    /// Removes a word from the vocabulary.
    ///
    /// # Errors
    /// Refused where it is not there.
    pub async fn remove_word(
        &self,
        caller: &Caller,
        word: VocabularyWord,
    ) -> Result<Done, CommandError> {
        self.on_vocabulary("remove_word", caller, |vocabulary| {
            vocabulary.remove_word(word.clone())
        })
        .await
    }

    /// Lets words stand for each other from now on.
    ///
    /// # Errors
    /// Refused where they are no group, or one of them stands in another.
    pub async fn group_synonyms(
        &self,
        caller: &Caller,
        group: u32,
        words: Vec<VocabularyWord>,
    ) -> Result<Done, CommandError> {
        self.on_vocabulary("group_synonyms", caller, |vocabulary| {
            vocabulary.group(group, words.clone())
        })
        .await
    }

    /// Dissolves a group of synonyms.
    ///
    /// # Errors
    /// Refused where it is not there.
    pub async fn ungroup_synonyms(
        &self,
        caller: &Caller,
        group: u32,
    ) -> Result<Done, CommandError> {
        self.on_vocabulary("ungroup_synonyms", caller, |vocabulary| {
            vocabulary.ungroup(group)
        })
        .await
    }

    async fn on_vocabulary<F>(
        &self,
        name: &'static str,
        caller: &Caller,
        decide: F,
    ) -> Result<Done, CommandError>
    where
        F: Fn(&Vocabulary) -> Result<Vec<VocabularyEvent>, VocabularyError> + Send + Sync,
    {
        self.run(caller, &OnVocabulary { name, decide }).await
    }
}

struct OnVocabulary<F> {
    name: &'static str,
    decide: F,
}

#[async_trait]
impl<F> Decision for OnVocabulary<F>
where
    F: Fn(&Vocabulary) -> Result<Vec<VocabularyEvent>, VocabularyError> + Send + Sync,
{
    fn name(&self) -> &'static str {
        self.name
    }

    async fn decide(&self, attempt: &mut Attempt<'_>) -> Result<(), CommandError> {
        let own = stream(VOCABULARY_STREAM.to_owned())?;
        attempt.about(&own);
        let vocabulary = attempt.load::<Vocabulary>(&own).await?.unwrap_or_default();
        attempt.record(&own, (self.decide)(&vocabulary)?);
        Ok(())
    }
}
