//! Words without a dictionary of ours: the boundaries that Unicode's data knows, the words of the
//! community first.

use icu_segmenter::options::WordBreakInvariantOptions;
use icu_segmenter::{WordSegmenter, WordSegmenterBorrowed};

use super::kana::{fold, is_all_kana, is_kana, is_kanji, is_latin, is_long, to_katakana};
use super::word::Word;
use super::{AnalyzerError, UserWord};

/// Particles, endings and empty verbs, which boundaries alone do not tell from words.
const EMPTY: [&str; 62] = [
    "です",
    "ます",
    "から",
    "まで",
    "より",
    "など",
    "だけ",
    "ので",
    "のに",
    "でも",
    "では",
    "には",
    "とは",
    "する",
    "した",
    "して",
    "しま",
    "しました",
    "します",
    "いる",
    "ある",
    "なる",
    "この",
    "その",
    "あの",
    "どの",
    "これ",
    "それ",
    "もの",
    "こと",
    "ため",
    "よう",
    "ください",
    "ほしい",
    "たい",
    "ない",
    "ませ",
    "ません",
    "まし",
    "ました",
    "ましょう",
    "いたし",
    "いたします",
    "くれ",
    "くれる",
    "くださる",
    "いただ",
    "いただく",
    "いただけ",
    "られ",
    "られる",
    "れる",
    "せる",
    "って",
    "った",
    "ても",
    "たり",
    "ながら",
    "にも",
    "です。",
    "でき",
    "できる",
];

/// Cuts text at the boundaries of words.
pub(super) struct Boundaries {
    segmenter: WordSegmenterBorrowed<'static>,
    /// Words of the community as they stand in normalised text, the longest first.
    words: Vec<(String, Option<String>)>,
}

impl Default for Boundaries {
    fn default() -> Self {
        Self {
            segmenter: WordSegmenter::new_dictionary(WordBreakInvariantOptions::default()),
            words: Vec::new(),
        }
    }
}

impl Boundaries {
    pub(super) fn new(words: &[UserWord]) -> Result<Self, AnalyzerError> {
        let mut sorted = Vec::with_capacity(words.len());
        for word in words {
            let (surface, reading) = word.normalised()?;
            if let Some(reading) = reading.as_ref().filter(|it| **it != surface) {
                let katakana = reading.chars().map(to_katakana).collect();
                let kana = [reading.clone(), katakana].map(|kana| (kana, Some(reading.clone())));
                sorted.extend(kana.into_iter().filter(|(kana, _)| is_long(kana)));
            }
            sorted.push((surface, reading));
        }
        sorted.sort_by_key(|(surface, _)| std::cmp::Reverse(surface.len()));
        Ok(Self {
            words: sorted,
            ..Self::default()
        })
    }

    /// The words of a normalised text, except those in Latin letters.
    pub(super) fn words(&self, text: &str) -> Vec<Word> {
        let mut words = Vec::new();
        let mut from = 0;
        for (start, end, reading) in self.known(text) {
            self.cut(text, from, start, &mut words);
            let mut word = word(&text[start..end], start);
            word.reading = reading.map(ToOwned::to_owned).or(word.reading);
            words.push(word);
            from = end;
        }
        self.cut(text, from, text.len(), &mut words);
        words
    }

    /// Where words of the community stand: the leftmost, and of those the longest.
    fn known(&self, text: &str) -> Vec<(usize, usize, Option<&str>)> {
        let mut found = Vec::new();
        if self.words.is_empty() {
            return found;
        }
        let mut after = 0;
        for (at, _) in text.char_indices() {
            if at < after {
                continue;
            }
            let here = self
                .words
                .iter()
                .find(|(word, _)| text[at..].starts_with(word));
            if let Some((word, reading)) = here {
                after = at + word.len();
                found.push((at, after, reading.as_deref()));
            }
        }
        found
    }

    fn cut(&self, text: &str, from: usize, to: usize, words: &mut Vec<Word>) {
        let piece = &text[from..to];
        let mut start = 0;
        for end in self.segmenter.segment_str(piece).filter(|end| *end > 0) {
            let surface = &piece[start..end];
            if is_content(surface) {
                words.push(word(surface, from + start));
            }
            start = end;
        }
    }
}

/// Whether a piece of text is worth looking for.
fn is_content(surface: &str) -> bool {
    let letters = surface.chars().all(|it| is_kana(it) || is_kanji(it));
    let hiragana = surface
        .chars()
        .all(|it| matches!(it, '\u{3041}'..='\u{3096}'));
    let particle = hiragana && (surface.chars().count() < 2 || EMPTY.contains(&surface));
    letters && !surface.chars().any(is_latin) && !particle
}

/// A word by its letters alone. Kanji stand for the reading where there is okurigana, so that 引越
/// and 引っ越し are found by each other.
fn word(surface: &str, start: usize) -> Word {
    let form = fold(surface);
    let skeleton: String = surface.chars().filter(|it| is_kanji(*it)).collect();
    let several = skeleton.chars().nth(1).is_some();
    let reading = if is_all_kana(surface) {
        Some(form.clone())
    } else {
        several.then_some(skeleton)
    };
    let kanji = surface.chars().all(is_kanji) && surface.chars().nth(1).is_some();
    Word {
        range: start..start + surface.len(),
        reading,
        shown: surface.chars().nth(1).map(|_| surface.to_owned()),
        form,
        known: true,
        head: surface.chars().next_back().filter(|_| kanji),
        part: false,
    }
}
