//! Kana: one writing for hiragana and katakana, and the stem that a verb and its noun share.

/// Whether a character is written in hiragana or katakana, the mark of a long vowel included.
pub(crate) fn is_kana(character: char) -> bool {
    matches!(character, '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fa}' | 'ー' | 'ゝ' | 'ゞ')
}

/// Whether a character is written in katakana, the mark of a long vowel included.
pub(crate) fn is_katakana(character: char) -> bool {
    matches!(character, '\u{30a1}'..='\u{30fa}' | 'ー')
}

/// Whether a character is a kanji.
pub(crate) fn is_kanji(character: char) -> bool {
    matches!(
        character,
        '\u{3400}'..='\u{4dbf}'
            | '\u{4e00}'..='\u{9fff}'
            | '\u{f900}'..='\u{faff}'
            | '\u{20000}'..='\u{3ffff}'
            | '々'
            | '〆'
    )
}

/// Whether a character is a Latin letter or a digit, as they stand after normalising.
pub(crate) fn is_latin(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '\u{c0}'..='\u{24f}')
}

/// Whether a word is written without any kanji or Latin letter.
pub(crate) fn is_all_kana(word: &str) -> bool {
    !word.is_empty() && word.chars().all(is_kana)
}

/// Katakana as hiragana.
pub(crate) fn to_hiragana(character: char) -> char {
    match character {
        '\u{30a1}'..='\u{30f6}' => char::from_u32(u32::from(character) - 0x60).unwrap_or(character),
        other => other,
    }
}

/// Whether a word in kana is long enough to be told from what other words end and begin with.
pub(crate) fn is_long(kana: &str) -> bool {
    kana.chars().nth(2).is_some()
}

/// Hiragana as katakana.
pub(crate) fn to_katakana(character: char) -> char {
    match character {
        '\u{3041}'..='\u{3096}' => char::from_u32(u32::from(character) + 0x60).unwrap_or(character),
        other => other,
    }
}

/// A word in one writing: hiragana, and without the last mark of a long vowel where at least two
/// characters stand before it (コンピューター and コンピュータ; but キー stays).
pub(crate) fn fold(word: &str) -> String {
    let mut folded: String = word.chars().map(to_hiragana).collect();
    if folded.ends_with('ー') && folded.chars().count() > 2 {
        folded.truncate(folded.len() - 'ー'.len_utf8());
    }
    folded
}

/// The last kana of a verb's plain form as it stands in its noun form (連用形): 手伝う becomes
/// 手伝い. `None`: it is no ending of such a verb (五段).
pub(crate) fn noun_ending(plain: char) -> Option<char> {
    Some(match plain {
        'う' => 'い',
        'く' => 'き',
        'ぐ' => 'ぎ',
        'す' => 'し',
        'つ' => 'ち',
        'ぬ' => 'に',
        'ぶ' => 'び',
        'む' => 'み',
        'る' => 'り',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kana_and_the_last_long_vowel_are_one_writing() {
        assert_eq!(fold("コンピューター"), fold("コンピュータ"));
        assert_eq!(fold("プリンター"), "ぷりんた");
        assert_eq!(fold("ヒッコシ"), "ひっこし");
        assert_eq!(fold("引っ越し"), "引っ越し");
    }

    #[test]
    fn a_short_word_keeps_its_long_vowel() {
        assert_eq!(fold("キー"), "きー");
        assert_eq!(fold("ー"), "ー");
    }

    #[test]
    fn what_is_kana_is_told_from_what_is_not() {
        assert!(is_all_kana("ひっこしセンター"));
        assert!(!is_all_kana("引っ越し") && !is_all_kana("") && !is_all_kana("pc"));
        assert!(is_kanji('々') && !is_kanji('の'));
    }
}
