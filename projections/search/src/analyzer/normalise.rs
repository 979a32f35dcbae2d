//! One writing for what can be written in several: width, case, composed letters, ヴ, and looks of
//! one kanji; and the way back to what was typed.

use std::ops::Range;

use icu_properties::CodePointSetData;
use icu_properties::props::DefaultIgnorableCodePoint;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;

/// Both writings of the sound.
const VU: [char; 2] = ['ヴ', 'ゔ'];

/// A text in one writing, which knows where each of its characters came from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Normalised {
    /// The text: NFKC, lower case, ヴ as バ行, nothing that shows nothing.
    pub(crate) text: String,
    /// For each character of `text`: where it begins there, and what of the original it is.
    origins: Vec<Origin>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Origin {
    at: usize,
    start: usize,
    end: usize,
}

impl Normalised {
    /// What of the original stands at `range` of the text: whole characters, as they were typed.
    /// `㍿` is one character, so all of it is returned for a part of `株式会社`.
    pub(crate) fn original(&self, range: &Range<usize>) -> Range<usize> {
        let first = self
            .origins
            .partition_point(|origin| origin.at <= range.start);
        let last = self.origins.partition_point(|origin| origin.at < range.end);
        let (Some(first), Some(last)) = (
            first.checked_sub(1).and_then(|it| self.origins.get(it)),
            last.checked_sub(1).and_then(|it| self.origins.get(it)),
        ) else {
            return 0..0;
        };
        first.start..last.end
    }

    fn push(&mut self, character: char, start: usize, end: usize) {
        let at = self.text.len();
        self.text.push(character);
        self.origins.push(Origin { at, start, end });
    }

    /// Takes the last character back and puts `character` in its place, up to `end`.
    fn replace_last(&mut self, character: char, end: usize) {
        if let Some(last) = self.origins.pop() {
            self.text.truncate(last.at);
            self.push(character, last.start, end);
        }
    }
}

/// Brings `text` into one writing. Each piece (a character and what combines with it) is
/// normalised by itself, so that it can be said where it came from.
pub(crate) fn normalise(text: &str) -> Normalised {
    let mut normalised = Normalised {
        text: String::with_capacity(text.len()),
        origins: Vec::with_capacity(text.len() / 2),
    };
    let mut start = 0;
    while start < text.len() {
        let end = start + piece_len(&text[start..]);
        let seen = text[start..end].nfkc().filter(|it| !is_ignorable(*it));
        let piece = seen.flat_map(char::to_lowercase);
        for character in piece {
            push_folded(&mut normalised, character, start, end);
        }
        start = end;
    }
    settle(&mut normalised);
    normalised
}

/// Pushes a character; ヴァ, ヴィ, ヴ, ヴェ, ヴォ become バ, ビ, ブ, ベ, ボ. What follows decides which,
/// so ヴ stands as it is until then.
fn push_folded(normalised: &mut Normalised, character: char, start: usize, end: usize) {
    let whole = match character {
        'ァ' | 'ぁ' => Some('バ'),
        'ィ' | 'ぃ' => Some('ビ'),
        'ェ' | 'ぇ' => Some('ベ'),
        'ォ' | 'ぉ' => Some('ボ'),
        _ => None,
    };
    match whole {
        Some(whole) if normalised.text.ends_with(VU) => normalised.replace_last(whole, end),
        Some(_) | None => {
            settle(normalised);
            normalised.push(character, start, end);
        }
    }
}

/// A ヴ that no small vowel follows is ブ.
fn settle(normalised: &mut Normalised) {
    if let Some(&Origin { end, .. }) = normalised.origins.last()
        && normalised.text.ends_with(VU)
    {
        normalised.replace_last('ブ', end);
    }
}

/// How many bytes at the beginning of `text` are normalised together.
fn piece_len(text: &str) -> usize {
    let mut following = text.char_indices().skip(1);
    let end = following.find(|(_, character)| !combines(*character));
    end.map_or(text.len(), |(at, _)| at)
}

/// Whether a character may change the one before it.
fn combines(character: char) -> bool {
    let half_width_sound_mark = matches!(character, '\u{ff9e}' | '\u{ff9f}');
    let medial_or_final_jamo = matches!(character, '\u{1160}'..='\u{11ff}');
    half_width_sound_mark
        || medial_or_final_jamo
        || is_ignorable(character)
        || canonical_combining_class(character) != 0
}

/// Whether a character shows nothing by itself, as what selects one of the looks of a kanji.
fn is_ignorable(character: char) -> bool {
    !character.is_ascii()
        && CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(of: &str) -> String {
        normalise(of).text
    }

    #[test]
    fn width_case_and_voice_marks_are_written_in_one_way() {
        assert_eq!(text("ＷｉＦｉ"), "wifi");
        assert_eq!(text("ﾋｯｺｼ ｶﾞｲﾄﾞ ﾊﾟｿｺﾝ"), "ヒッコシ ガイド パソコン");
        assert_eq!(text("か\u{3099}"), "が");
        assert_eq!(text("㍿①"), "株式会社1");
    }

    #[test]
    fn vu_is_bu() {
        assert_eq!(
            text("ヴァイオリン ｳﾞｨﾗ ヴェール ラヴ"),
            "バイオリン ビラ ベール ラブ"
        );
        assert_eq!(text("ヴォーカル ゔ"), "ボーカル ブ");
    }

    #[test]
    fn looks_of_a_kanji_and_what_shows_nothing_make_no_difference() {
        for typed in [
            "葛\u{e0100}城",
            "葛\u{fe00}城",
            "葛\u{200b}城\u{feff}",
            "\u{2060}葛城",
        ] {
            assert_eq!(text(typed), "葛城");
        }
        let typed = "葛\u{e0100}城市";
        let normalised = normalise(typed);
        assert_eq!(&typed[normalised.original(&(0..3))], "葛\u{e0100}");
        assert_eq!(text("\u{200b}"), "");
    }

    #[test]
    fn what_was_typed_is_found_again() {
        let typed = "㍿のｶﾞｲﾄﾞとヴァイオリン";
        let normalised = normalise(typed);
        let original = |part: &str| {
            let at = normalised.text.find(part).unwrap();
            &typed[normalised.original(&(at..at + part.len()))]
        };
        assert_eq!(original("会社"), "㍿");
        assert_eq!(original("ガイド"), "ｶﾞｲﾄﾞ");
        assert_eq!(original("バイ"), "ヴァイ");
        assert_eq!(original("と"), "と");
    }

    #[test]
    fn pieces_come_out_as_the_whole_would() {
        for typed in ["はﾟ", "ﾞｶﾞﾞ", "é e\u{301}", "한글 ᄒ\u{1161}\u{11ab}", "㌖ｱﾞ"]
        {
            let whole: String = typed.nfkc().flat_map(char::to_lowercase).collect();
            assert_eq!(text(typed), whole, "{typed}");
        }
    }

    #[test]
    fn nothing_comes_from_nothing() {
        assert_eq!(normalise("").original(&(0..0)), 0..0);
    }
}
