//! Closed sets of words as the small numbers that the index knows them by.

use meguri_events::Category;

use crate::posts::PostKind;

const KINDS: [PostKind; 2] = [PostKind::Need, PostKind::Offer];

pub(super) fn of_kind(kind: PostKind) -> u8 {
    place(&KINDS, &kind)
}

pub(super) fn kind(code: u8) -> Option<PostKind> {
    KINDS.get(usize::from(code)).copied()
}

pub(super) fn of_category(category: Category) -> u8 {
    place(Category::ALL, &category)
}

pub(super) fn category(code: u8) -> Option<Category> {
    Category::ALL.get(usize::from(code)).copied()
}

/// The place in a list that is known whole. A set has far fewer than 255 cases.
fn place<T: PartialEq>(all: &[T], one: &T) -> u8 {
    let place = all.iter().position(|other| other == one);
    place
        .and_then(|place| u8::try_from(place).ok())
        .unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_has_a_number_and_comes_back_from_it() {
        for one in KINDS {
            assert_eq!(kind(of_kind(one)), Some(one));
        }
        for one in Category::ALL {
            assert_eq!(category(of_category(*one)), Some(*one));
        }
        assert_eq!((kind(2), category(u8::MAX)), (None, None));
    }
}
