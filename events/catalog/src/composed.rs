//! Typed text in one form of its characters: NFC, as every text is from the door on.
//!
//! A keyboard may give が as one character or as か and a mark. Both are the same text, so one
//! form is stored and compared. Events from before that stay as they are; what compares or shows
//! them brings them into this form first.

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// The text in Unicode's Normalization Form C (UAX #15).
///
/// NFC would make the kanji of old names that Unicode holds twice, such as U+FA19 for 神, into
/// those of today. They become today's kanji with a variation selector instead, as the Unicode
/// Standard has it in `StandardizedVariants.txt`, and go on looking as their bearers write them.
pub fn composed(text: &str) -> Cow<'_, str> {
    if is_nfc_quick(text.chars()) == IsNormalized::Yes {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.cjk_compat_variants().nfc().collect())
}

#[cfg(test)]
mod tests {
    use super::composed;

    #[test]
    fn one_text_has_one_form() {
        for (typed, form) in [
            ("か\u{3099}\u{304f}せい", "がくせい"),
            ("がくせい", "がくせい"),
            ("ハ\u{309a}ン", "パン"),
            ("e\u{301}", "é"),
            ("\u{1112}\u{1161}\u{11ab}", "한"),
            ("ﾊﾟﾝ １", "ﾊﾟﾝ １"),
            ("葛\u{e0100}城", "葛\u{e0100}城"),
        ] {
            assert_eq!(composed(typed), form);
            assert_eq!(composed(form), form);
        }
    }

    #[test]
    fn kanji_of_old_names_go_on_looking_as_they_did() {
        assert_eq!(composed("\u{fa19}谷"), "\u{795e}\u{fe00}谷");
        assert_eq!(composed("神谷"), "神谷");
        // A letter of its own, not another one's look: it stays.
        assert_eq!(composed("山\u{fa11}"), "山\u{fa11}");
    }
}
