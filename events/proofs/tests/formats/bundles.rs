//! A bundle gives back exactly the entries it was made of, and nothing else is read as one.

use meguri_proofs::{BadBundle, Bundle, ENTRY_BYTES_MAX, EntryTooLong, encode_entries};

use crate::entries::entries;

#[test]
fn a_bundle_has_the_length_before_each_entry() {
    let bytes = encode_entries([b"".as_slice(), b"a", &[7; 300]]).unwrap();
    assert_eq!(bytes[..7], [0, 0, 0, 1, b'a', 1, 44]);
    assert_eq!(bytes.len(), 2 + 3 + 302);
}

#[test]
fn a_bundle_is_read_as_the_entries_it_was_made_of() {
    for width in [1, 2, 255, 256] {
        let entries = entries(width.into());
        let bytes = encode_entries(&entries).unwrap();
        let bundle = Bundle::new(3, width).unwrap();
        assert_eq!(bundle.decode(&bytes).unwrap(), entries);
    }
}

#[test]
fn a_bundle_that_was_cut_anywhere_is_refused() {
    let bytes = encode_entries(entries(3)).unwrap();
    let bundle = Bundle::new(0, 3).unwrap();
    for length in 0..bytes.len() {
        let entry = u16::try_from(length / 35).unwrap();
        assert_eq!(
            bundle.decode(&bytes[..length]),
            Err(BadBundle::Short { entry })
        );
    }
}

#[test]
fn a_bundle_with_more_than_its_entries_is_refused() {
    let bytes = encode_entries(entries(3)).unwrap();
    let narrower = Bundle::new(0, 2).unwrap();
    assert_eq!(narrower.decode(&bytes), Err(BadBundle::Long { bytes: 35 }));
}

#[test]
fn an_entry_too_long_for_its_length_is_refused() {
    let longest = vec![0; ENTRY_BYTES_MAX];
    let bundle = Bundle::new(0, 1).unwrap();
    let bytes = encode_entries([&longest]).unwrap();
    assert_eq!(bundle.decode(&bytes).unwrap(), [&longest]);
    let longer = vec![0; ENTRY_BYTES_MAX + 1];
    assert_eq!(
        encode_entries([&longer]),
        Err(EntryTooLong { bytes: 65536 })
    );
}
