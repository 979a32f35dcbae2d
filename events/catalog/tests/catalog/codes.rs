//! Codes are stored for ever, so they are spelled out here once more; labels are for people.

use std::collections::BTreeSet;

use meguri_events::{Category, ClaimKind, KeyClass, Mode, Modes, Prefecture, ReasonCode};

macro_rules! holds_to {
    ($type:ty: $($code:literal),+) => {
        let codes: Vec<&str> = <$type>::ALL.iter().map(|case| case.code()).collect();
        assert_eq!(codes, [$($code),+]);
        for case in <$type>::ALL {
            let json = serde_json::to_string(case).unwrap();
            assert_eq!(json, format!("\"{}\"", case.code()));
            assert_eq!(serde_json::from_str::<$type>(&json).unwrap(), *case);
            assert!(!case.ja().is_empty() && !case.en().is_empty());
        }
        assert!(serde_json::from_str::<$type>("\"nonsense\"").is_err());
    };
}

#[test]
fn codes_never_change() {
    holds_to!(Category: "housework", "care", "pets", "tech", "language", "study", "creative",
        "repair", "outing", "talk", "other");
    holds_to!(Mode: "online", "by_post", "in_person");
    holds_to!(ReasonCode: "own_words", "member_left");
    holds_to!(ClaimKind: "user_name", "mail", "open_exchange");
    holds_to!(KeyClass: "profile", "contact", "message", "exchange", "money", "safety");
}

#[test]
fn labels_tell_categories_apart() {
    let ja: BTreeSet<&str> = Category::ALL.iter().map(|category| category.ja()).collect();
    let en: BTreeSet<&str> = Category::ALL.iter().map(|category| category.en()).collect();
    assert_eq!(
        (ja.len(), en.len()),
        (Category::ALL.len(), Category::ALL.len())
    );
}

#[test]
fn there_are_47_prefectures_by_their_official_codes() {
    let names: BTreeSet<&str> = Prefecture::all().map(Prefecture::ja).collect();
    assert_eq!(names.len(), 47);
    let name = |code| Prefecture::from_code(code).unwrap().ja();
    assert_eq!(
        [name(1), name(13), name(27), name(47)],
        ["北海道", "東京都", "大阪府", "沖縄県"]
    );
    assert!(Prefecture::from_code(0).is_err() && Prefecture::from_code(48).is_err());
    for (json, found) in [
        ("48", "integer `48`"),
        ("-1", "integer `-1`"),
        ("300", "integer `300`"),
        ("\"13\"", "string \"13\""),
    ] {
        let error = serde_json::from_str::<Prefecture>(json)
            .unwrap_err()
            .to_string();
        assert!(error.contains(found), "{error}");
        assert!(
            error.contains("the JIS X 0401 code of a prefecture, 1 to 47"),
            "{error}"
        );
    }
    assert_eq!(
        serde_json::to_string(&Prefecture::from_code(1).unwrap()).unwrap(),
        "1"
    );
    assert_eq!("01".parse::<Prefecture>().unwrap().to_string(), "01");
}

#[test]
fn offline_stands_for_by_post_and_in_person_h15() {
    let allowed = |modes: Modes| {
        Mode::ALL
            .iter()
            .copied()
            .filter(move |mode| modes.allow(*mode))
    };
    let online = Modes {
        online: true,
        offline: false,
    };
    assert!(allowed(online).eq([Mode::Online]));
    let offline = Modes {
        online: false,
        offline: true,
    };
    assert!(allowed(offline).eq([Mode::ByPost, Mode::InPerson]));
}
