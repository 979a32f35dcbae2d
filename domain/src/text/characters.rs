//! Which characters a text may hold: by the properties that Unicode gives them, not by a list.

use icu_properties::props::{
    BidiControl, BinaryProperty, CanonicalCombiningClass, DefaultIgnorableCodePoint, Emoji,
    EmojiModifier, ExtendedPictographic, GeneralCategory, JoiningType, PrependedConcatenationMark,
    Script, UnifiedIdeograph, WhiteSpace,
};
use icu_properties::{CodePointMapData, CodePointSetData};

const ZERO_WIDTH_NON_JOINER: char = '\u{200c}';
const ZERO_WIDTH_JOINER: char = '\u{200d}';
/// As a picture in colour; the one before it is: as a letter.
const EMOJI_PRESENTATION: char = '\u{fe0f}';
/// The flag that letters of [`TAGS`] make the flag of a region.
const BLACK_FLAG: char = '\u{1f3f4}';
const TAGS: std::ops::RangeInclusive<char> = '\u{e0020}'..='\u{e007e}';
const TAGS_END: char = '\u{e007f}';
/// Fewest and most letters of a region's code with its country's (UTS #51, ED-14a).
const TAGS_OF_A_REGION: std::ops::RangeInclusive<usize> = 3..=6;

/// The space of Braille.
const BRAILLE_BLANK: char = '\u{2800}';
/// Characters that are blank although no property says so: the blank of Braille, of hieroglyphs
/// and of music, the filler of Khitan, and what stands for an object that is not there.
const BLANK: [char; 6] = [
    BRAILLE_BLANK,
    '\u{fffc}',
    '\u{16fe4}',
    '\u{13441}',
    '\u{13442}',
    '\u{1d159}',
];

/// What a text cannot hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Forbidden {
    /// It controls a machine, breaks a line where there is one, or turns the direction of writing.
    Control,
    /// It shows nothing where it stands.
    Hidden,
}

fn has<P: BinaryProperty>(c: char) -> bool {
    CodePointSetData::new::<P>().contains(c)
}

pub(super) fn category(c: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(c)
}

pub(super) fn script(c: char) -> Script {
    CodePointMapData::<Script>::new().get(c)
}

/// Whether a character leaves room and shows nothing else.
pub(super) fn is_blank(c: char) -> bool {
    has::<WhiteSpace>(c) || BLANK.contains(&c)
}

/// Whether Unicode says that a character shows nothing by itself.
pub(super) fn is_ignorable(c: char) -> bool {
    has::<DefaultIgnorableCodePoint>(c)
}

/// Whether a character combines with the one before it.
fn is_mark(c: char) -> bool {
    matches!(
        category(c),
        GeneralCategory::NonspacingMark
            | GeneralCategory::SpacingMark
            | GeneralCategory::EnclosingMark
    )
}

/// Whether a character is nobody's: reserved, or private use. Code points that Unicode keeps for
/// pictures to come are pictures already.
fn is_unassigned(c: char) -> bool {
    let category = category(c);
    let picture_to_come = category == GeneralCategory::Unassigned && has::<ExtendedPictographic>(c);
    let nobodys = matches!(
        category,
        GeneralCategory::PrivateUse | GeneralCategory::Surrogate | GeneralCategory::Unassigned
    );
    nobodys && !picture_to_come
}

/// Whether a reader sees a character that stands alone.
pub(super) fn shows(c: char) -> bool {
    let nothing = is_blank(c) || is_ignorable(c) || is_mark(c) || is_unassigned(c);
    !nothing && !is_control(c) && !is_bare_format(c)
}

fn is_control(c: char) -> bool {
    let breaks = matches!(
        category(c),
        GeneralCategory::Control
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator
    );
    breaks || has::<BidiControl>(c)
}

/// A character for machines that format; those that are drawn before Arabic numbers are seen.
fn is_bare_format(c: char) -> bool {
    category(c) == GeneralCategory::Format && !has::<PrependedConcatenationMark>(c)
}

/// The first character that a text of these cannot hold, and which it is, counted from 0.
pub(super) fn first_forbidden(text: &[char], lines: bool) -> Option<(usize, Forbidden)> {
    let at_fault = |at: usize| {
        let c = *text.get(at)?;
        if c.is_ascii_graphic() || c == ' ' || (lines && matches!(c, '\n' | '\t')) {
            return None;
        }
        if is_control(c) {
            return Some((at, Forbidden::Control));
        }
        let bare = is_ignorable(c) || is_bare_format(c) || BLANK.contains(&c);
        let leads = at == 0 && is_mark(c);
        let hidden = is_unassigned(c) || leads || (bare && !is_meant(text, at));
        hidden.then_some((at, Forbidden::Hidden))
    };
    (0..text.len()).find_map(at_fault)
}

/// Whether a character that shows nothing by itself changes what is seen beside it.
fn is_meant(text: &[char], at: usize) -> bool {
    let Some(before) = at.checked_sub(1).and_then(|it| text.get(it)).copied() else {
        return false;
    };
    match text[at] {
        BRAILLE_BLANK => {
            let after = text.get(at + 1).copied();
            let written = |c: char| c != BRAILLE_BLANK && script(c) == Script::Braille;
            written(before) || after.is_some_and(written)
        }
        // One of the looks of a kanji: an ideographic variation sequence (UTS #37).
        '\u{e0100}'..='\u{e01ef}' => has::<UnifiedIdeograph>(before),
        '\u{fe0e}' | EMOJI_PRESENTATION => is_picture(before),
        '\u{fe00}'..='\u{fe0d}' => has::<UnifiedIdeograph>(before) || is_sign(before),
        '\u{180b}'..='\u{180d}' | '\u{180f}' => script(before) == Script::Mongolian,
        ZERO_WIDTH_JOINER => joins_pictures(text, at) || joins_letters(text, at),
        ZERO_WIDTH_NON_JOINER => parts_letters(text, at),
        c if TAGS.contains(&c) || c == TAGS_END => is_of_a_flag(text, at),
        _ => false,
    }
}

fn is_picture(c: char) -> bool {
    has::<Emoji>(c) || has::<ExtendedPictographic>(c)
}

/// Digits, signs and punctuation, some of which have two looks.
fn is_sign(c: char) -> bool {
    use icu_properties::props::GeneralCategoryGroup as Group;
    let signs = Group::Number.union(Group::Punctuation).union(Group::Symbol);
    signs.contains(category(c)) && !is_blank(c)
}

/// Several pictures that are drawn as one, such as 👩‍🔧 (UTS #51, ED-16).
fn joins_pictures(text: &[char], at: usize) -> bool {
    let mut before = text[..at].iter().rev().copied();
    let first = match before.next() {
        Some(EMOJI_PRESENTATION) => before.next(),
        first => first,
    };
    let next = text.get(at + 1).copied();
    first.is_some_and(|c| has::<ExtendedPictographic>(c) || has::<EmojiModifier>(c))
        && next.is_some_and(has::<ExtendedPictographic>)
}

/// RFC 5892, A.2: after a virama, as Indian scripts write it.
pub(super) fn joins_letters(text: &[char], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|it| text.get(it)).copied();
    let class = CodePointMapData::<CanonicalCombiningClass>::new();
    before.is_some_and(|c| class.get(c) == CanonicalCombiningClass::Virama)
}

/// RFC 5892, A.1: after a virama, or between letters that would be joined, as Persian writes it.
pub(super) fn parts_letters(text: &[char], at: usize) -> bool {
    let joining = CodePointMapData::<JoiningType>::new();
    let seen = |c: &&char| joining.get(**c) != JoiningType::Transparent;
    let before = text[..at].iter().rev().find(seen);
    let after = text.iter().skip(at + 1).find(seen);
    let left = before.is_some_and(|c| {
        matches!(
            joining.get(*c),
            JoiningType::LeftJoining | JoiningType::DualJoining
        )
    });
    let right = after.is_some_and(|c| {
        matches!(
            joining.get(*c),
            JoiningType::RightJoining | JoiningType::DualJoining
        )
    });
    joins_letters(text, at) || (left && right)
}

/// The flag of a region, such as Scotland's: its code in letters that show nothing (UTS #51).
/// Whole and nothing more, or one could hide any text in it.
fn is_of_a_flag(text: &[char], at: usize) -> bool {
    let reach = *TAGS_OF_A_REGION.end();
    let is_tag = |c: &&char| TAGS.contains(*c);
    let back = text[..at]
        .iter()
        .rev()
        .take(reach)
        .take_while(is_tag)
        .count();
    let on = text[at..].iter().take(reach + 1).take_while(is_tag).count();
    let flag = (at - back).checked_sub(1).and_then(|it| text.get(it));
    flag == Some(&BLACK_FLAG)
        && text.get(at + on) == Some(&TAGS_END)
        && TAGS_OF_A_REGION.contains(&(back + on))
}
