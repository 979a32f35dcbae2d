//! The words of findings: `verify.py` has all of them, to the letter.

use std::collections::BTreeSet;

use meguri_evidence::{Code, VERIFY_PY};

/// What only published logs have, which `verify.py` does not check.
const OF_PUBLISHED_LOGS: [Code; 3] = [Code::TileDiffers, Code::PositionGap, Code::RootDiffers];

#[test]
fn verify_py_knows_every_code_with_the_same_words() {
    // Long texts go on in the next line.
    let program = VERIFY_PY.replace("\"\n        \"", "");
    for code in Code::ALL {
        let known = program.contains(&format!("    \"{}\": (", code.code()));
        assert_eq!(known, !OF_PUBLISHED_LOGS.contains(code), "{code:?}");
        if known {
            assert!(
                program.contains(&format!("\"{}\"", code.japanese())),
                "{code:?}"
            );
            assert!(
                program.contains(&format!("\"{}\"", code.english())),
                "{code:?}"
            );
        }
    }
}

#[test]
fn no_two_codes_are_the_same() {
    let codes: BTreeSet<&str> = Code::ALL.iter().map(|code| code.code()).collect();
    assert_eq!(codes.len(), Code::ALL.len());
}
