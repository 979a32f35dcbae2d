//! Passwords in one form, whatever keyboard they are typed on: the profile `OpaqueString` of
//! PRECIS (RFC 8265, 4.2), on today's Unicode.

use icu_properties::props::{
    BinaryProperty, GeneralCategory, HangulSyllableType, NoncharacterCodePoint, Script,
};
use icu_properties::{CodePointMapData, CodePointSetData};
use unicode_normalization::UnicodeNormalization;

use super::characters::{category, is_ignorable, joins_letters, parts_letters, script};

/// A password holds a character that PRECIS does not let one hold: one that shows nothing, that
/// controls something, or that no keyboard has. Whoever typed it can take another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a password holds letters, digits, signs and spaces, and nothing that shows nothing")]
pub struct NotOpaque;

/// The form under which a password is hashed: NFC, every space a plain one. Neither case nor width
/// is changed.
///
/// # Errors
/// [`NotOpaque`] for nothing at all, and for characters outside the class `FreeformClass`
/// (RFC 8264, 4.3).
pub fn opaque_string(typed: &str) -> Result<String, NotOpaque> {
    let chars: Vec<char> = typed.chars().collect();
    if chars.is_empty() || !(0..chars.len()).all(|at| may_stand(&chars, at)) {
        return Err(NotOpaque);
    }
    let is_space = |c: char| category(c) == GeneralCategory::SpaceSeparator;
    let plain = |c: char| if is_space(c) { ' ' } else { c };
    Ok(chars.into_iter().map(plain).nfc().collect())
}

fn has<P: BinaryProperty>(c: char) -> bool {
    CodePointSetData::new::<P>().contains(c)
}

/// RFC 8264, 8: what a character of a password is; its numbers are those of section 9.
fn may_stand(text: &[char], at: usize) -> bool {
    let c = text[at];
    if let Some(stands) = exception(text, at) {
        return stands;
    }
    if c.is_ascii_graphic() {
        return true;
    }
    // 9.8, before 9.13, of which the joiners are, too.
    match c {
        '\u{200c}' => return parts_letters(text, at),
        '\u{200d}' => return joins_letters(text, at),
        _ => {}
    }
    let old_jamo = matches!(
        CodePointMapData::<HangulSyllableType>::new().get(c),
        HangulSyllableType::LeadingJamo
            | HangulSyllableType::VowelJamo
            | HangulSyllableType::TrailingJamo
    );
    // 9.9, 9.13
    if old_jamo || is_ignorable(c) || has::<NoncharacterCodePoint>(c) {
        return false;
    }
    // 9.10, 9.12, and what is left beside 9.1, 9.14 to 9.18
    !matches!(
        category(c),
        GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::Surrogate
            | GeneralCategory::PrivateUse
            | GeneralCategory::Unassigned
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator
    )
}

/// 9.6: characters that stand, or not, whatever their properties; some by what is beside them
/// (RFC 5892, A.3 to A.9).
fn exception(text: &[char], at: usize) -> Option<bool> {
    let before = at.checked_sub(1).and_then(|it| text.get(it)).copied();
    let after = text.get(at + 1).copied();
    let any = |wanted: fn(char) -> bool| text.iter().any(|c| wanted(*c));
    Some(match text[at] {
        'ß' | 'ς' | '\u{6fd}' | '\u{6fe}' | '\u{f0b}' | '〇' => true,
        '\u{640}' | '\u{7fa}' | '\u{302e}' | '\u{302f}' | '\u{3031}'..='\u{3035}' | '〻' => false,
        '·' => before == Some('l') && after == Some('l'),
        '\u{375}' => after.is_some_and(|c| script(c) == Script::Greek),
        '\u{5f3}' | '\u{5f4}' => before.is_some_and(|c| script(c) == Script::Hebrew),
        '・' => any(|c| matches!(script(c), Script::Hiragana | Script::Katakana | Script::Han)),
        '\u{660}'..='\u{669}' => !any(|c| matches!(c, '\u{6f0}'..='\u{6f9}')),
        '\u{6f0}'..='\u{6f9}' => !any(|c| matches!(c, '\u{660}'..='\u{669}')),
        _ => return None,
    })
}
