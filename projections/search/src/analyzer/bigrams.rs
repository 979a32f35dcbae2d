//! Pairs of characters: what is left to look for where no dictionary knows a word.

use super::kana::{is_kana, is_kanji, is_latin, to_hiragana};

/// Every two characters that stand next to each other in `text` (normalised), in hiragana; pairs
/// do not cross spaces and signs.
pub(crate) fn bigrams(text: &str) -> impl Iterator<Item = String> {
    let following = text.chars().skip(1);
    text.chars().zip(following).filter_map(|(first, second)| {
        let pair = is_written(first) && is_written(second);
        pair.then(|| [to_hiragana(first), to_hiragana(second)].iter().collect())
    })
}

fn is_written(character: char) -> bool {
    is_kana(character) || is_kanji(character) || is_latin(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_do_not_cross_what_is_no_letter() {
        let pairs: Vec<_> = bigrams("会津の米、カニ").collect();
        assert_eq!(pairs, ["会津", "津の", "の米", "かに"]);
    }

    #[test]
    fn one_character_has_no_pair() {
        assert_eq!(bigrams("犬").count(), 0);
    }
}
