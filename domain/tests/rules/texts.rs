//! What people may type.

use meguri_domain::{
    Description, Field, MAIL_CHARS_MAX, MESSAGE_CHARS_MAX, Mail, MessageText, Nickname, TAGS_MAX,
    TITLE_CHARS_MAX, Tags, TextError, Title, USER_NAME_CHARS_MAX, USER_NAMES_RESERVED, UserName,
    Words, rounded_place,
};

fn user_name(typed: &str) -> Result<String, TextError> {
    UserName::parse(typed).map(String::from)
}

fn mail(typed: &str) -> Result<String, TextError> {
    Mail::parse(typed).map(String::from)
}

#[test]
fn lengths_are_counted_in_characters() {
    let longest = "あ".repeat(TITLE_CHARS_MAX);
    assert_eq!(Title::parse(&longest).unwrap().as_str(), longest);
    let (field, max) = (Field::Title, TITLE_CHARS_MAX);
    assert_eq!(
        Title::parse(&format!("{longest}あ")),
        Err(TextError::TooLong { field, max })
    );
    assert!(MessageText::parse(&"👍".repeat(MESSAGE_CHARS_MAX)).is_ok());
}

#[test]
fn space_around_a_text_is_dropped_and_space_alone_is_nothing() {
    assert_eq!(Title::parse(" \u{3000}修理\n").unwrap().as_str(), "修理");
    let field = Field::Title;
    for nothing in [
        "",
        " \u{3000}\t",
        "\u{200b}\u{feff}",
        "\u{3164}",
        // Blank, although no property of Unicode says so.
        "\u{2800}",
        "\u{fffc}",
        "\u{16fe4}",
        "\u{13441}\u{13442}",
        "\u{1d159}",
        "\u{2800}\u{200b}\u{2800}",
        "\u{200b}\u{2800}\u{200b}",
    ] {
        assert_eq!(Title::parse(nothing), Err(TextError::Empty { field }));
    }
    assert_eq!(
        Title::parse("👩\u{200d}🔧").unwrap().as_str(),
        "👩\u{200d}🔧"
    );
    assert_eq!(Words::parse_optional(Some(" ")), Ok(None));
    assert_eq!(Words::parse_optional(None), Ok(None));
    assert_eq!(
        Words::parse_optional(Some("a")),
        Words::parse("a").map(Some)
    );
}

#[test]
fn control_characters_are_refused() {
    let control = |field, found| {
        let number = 2;
        Err(TextError::ControlCharacter {
            field,
            found,
            number,
        })
    };
    for found in [
        '\0', '\n', '\t', '\u{1b}', '\u{7f}', '\u{85}', '\u{202e}', '\u{61c}', '\u{200f}',
        '\u{2066}', '\u{2028}', '\u{2029}',
    ] {
        let typed = format!("a{found}b");
        assert_eq!(
            Nickname::parse(&typed).map(drop),
            control(Field::Nickname, found)
        );
        assert_eq!(Title::parse(&typed).map(drop), control(Field::Title, found));
    }
    for found in ['\0', '\u{1b}', '\u{202e}', '\u{61c}', '\u{2069}'] {
        let typed = format!("a{found}b");
        let refused = control(Field::Description, found);
        assert_eq!(Description::parse(&typed).map(drop), refused);
    }
}

/// Characters that show nothing, that are nobody's, or that show something else everywhere.
const HIDDEN: [char; 31] = [
    '\u{ad}',
    '\u{34f}',
    '\u{115f}',
    '\u{1160}',
    '\u{17b4}',
    '\u{180b}',
    '\u{180e}',
    '\u{200b}',
    '\u{200c}',
    '\u{200d}',
    '\u{2060}',
    '\u{2064}',
    '\u{206a}',
    '\u{3164}',
    '\u{fe00}',
    '\u{fe0f}',
    '\u{feff}',
    '\u{ffa0}',
    '\u{fff9}',
    '\u{1bca0}',
    '\u{1d173}',
    '\u{e0001}',
    '\u{e0041}',
    '\u{e0100}',
    '\u{e01ef}',
    '\u{e000}',
    '\u{10fffd}',
    '\u{378}',
    '\u{fffe}',
    '\u{fdd0}',
    '\u{e0fff}',
];

#[test]
fn a_character_that_shows_nothing_is_refused_in_every_text() {
    for found in HIDDEN {
        let typed = format!("あ{found}い");
        let hidden = |field| {
            Err(TextError::HiddenCharacter {
                field,
                found,
                number: 2,
            })
        };
        assert_eq!(Nickname::parse(&typed).map(drop), hidden(Field::Nickname));
        assert_eq!(MessageText::parse(&typed).map(drop), hidden(Field::Message));
        assert_eq!(Tags::parse(&[typed]).map(drop), hidden(Field::Tag));
    }
}

#[test]
fn a_text_of_which_nothing_is_seen_is_empty() {
    let blank = [
        '\u{2800}',
        '\u{3000}',
        '\u{a0}',
        '\u{2003}',
        '\u{1680}',
        '\u{fffc}',
        '\u{1d159}',
        '\u{13441}',
        '\u{2029}',
        '\u{61c}',
        '\u{3099}',
        '\u{20dd}',
    ];
    let field = Field::Nickname;
    for nothing in HIDDEN.into_iter().chain(blank) {
        for times in 1..3 {
            let typed = nothing.to_string().repeat(times);
            let refused = Nickname::parse(&typed);
            assert_eq!(refused, Err(TextError::Empty { field }), "{typed:?}");
        }
    }
    assert_eq!(
        Nickname::parse("\u{2800}はな\u{2800}").unwrap().as_str(),
        "はな"
    );
}

#[test]
fn what_is_joined_marked_or_drawn_in_another_way_stays_as_it_is() {
    for typed in [
        "👩\u{200d}🔧",
        "👨\u{200d}👩\u{200d}👧\u{200d}👦",
        "❤\u{fe0f}\u{200d}🔥",
        "👩🏽\u{200d}🚀",
        "🏳\u{fe0f}\u{200d}⚧\u{fe0f}",
        "1\u{fe0f}\u{20e3}",
        "☺\u{fe0e}",
        "🇯🇵",
        "©\u{fe0f}",
        "🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}",
        "🐈\u{200d}⬛",
        "🫩",
        // Kanji of one of several looks, and letters of other languages.
        "葛\u{e0100}城市",
        "辻\u{e0101}さん",
        "神\u{fe00}谷",
        "あ\u{3099}",
        "か\u{309a}",
        "ﾊﾅﾞ",
        "می\u{200c}خواهم",
        "क्\u{200d}ष",
        "\u{600}123",
        "⠓⠁⠝⠁\u{2800}⠓⠁",
        "ᠬ\u{180b}",
    ] {
        assert_eq!(Nickname::parse(typed).unwrap().as_str(), typed, "{typed:?}");
        assert_eq!(
            MessageText::parse(typed).unwrap().as_str(),
            typed,
            "{typed:?}"
        );
    }
}

#[test]
fn what_joins_marks_or_draws_nothing_is_refused() {
    for typed in [
        "👩\u{200d}",
        "👩\u{200d}\u{200d}🔧",
        "👩\u{200d}さん",
        "さ\u{200d}👩",
        "あ\u{fe0f}",
        "あ\u{e0100}",
        "葛\u{e0100}\u{e0100}",
        "🏴\u{e0067}\u{e0062}",
        "🏴\u{e007f}",
        "👍\u{e0068}\u{e0069}\u{e0061}\u{e007f}",
        "🏴\u{e0061}\u{e0061}\u{e0061}\u{e0061}\u{e0061}\u{e0061}\u{e0061}\u{e007f}",
        "a\u{200c}b",
        "a\u{200d}b",
        "\u{3099}か",
        "\u{fe0f}👩",
        "☺\u{fe0f}\u{fe0f}",
        "は\u{2800}な",
        "は\u{fffc}な",
        "は\u{1d159}な",
        " \u{fe0f}a",
    ] {
        let refused = Nickname::parse(typed);
        assert!(
            matches!(refused, Err(TextError::HiddenCharacter { .. })),
            "{typed:?}: {refused:?}"
        );
    }
}

#[test]
fn every_typed_text_is_in_nfc() {
    assert_eq!(
        Title::parse("か\u{3099}くせい").unwrap().as_str(),
        "がくせい"
    );
    assert_eq!(
        MessageText::parse("ハ\u{309a}ン\r\ne\u{301}")
            .unwrap()
            .as_str(),
        "パン\né"
    );
    let tags = Tags::parse(&["か\u{3099}", "が", "Wi-Fi", "ｗｉ－ｆｉ"]).unwrap();
    assert_eq!(Vec::<String>::from(tags), ["が", "Wi-Fi"]);
    let longest = "か\u{3099}".repeat(TITLE_CHARS_MAX);
    assert!(Title::parse(&longest).is_ok(), "as long as it is seen");
    // The kanji of an old name keeps its look.
    assert_eq!(
        Nickname::parse("\u{fa19}谷").unwrap().as_str(),
        "\u{795e}\u{fe00}谷"
    );
}

#[test]
fn every_way_to_end_a_line_is_one() {
    let ends = "一\r\n二\r三\u{b}四\u{c}五\u{85}六\u{2028}七\u{2029}八\n九";
    let text = Description::parse(ends).unwrap();
    assert_eq!(text.as_str(), "一\n二\n三\n四\n五\n六\n七\n八\n九");
}

#[test]
fn long_texts_have_lines() {
    let text = Description::parse("一行目\r\n二行目\r三行目\n\tおわり").unwrap();
    assert_eq!(text.as_str(), "一行目\n二行目\n三行目\n\tおわり");
}

#[test]
fn user_names_have_one_form() {
    for typed in ["hana_3", " Hana_3 ", "HANA_3", "ｈａｎａ＿３"] {
        assert_eq!(user_name(typed).as_deref(), Ok("hana_3"), "{typed}");
    }
}

#[test]
fn user_names_are_plain_enough_for_an_address() {
    for typed in [
        "3hana",
        "_hana",
        "ha-na",
        "はなこ",
        "ha na",
        "hana.3",
        "hana/3",
        "háná",
    ] {
        assert_eq!(user_name(typed), Err(TextError::NotAUserName), "{typed}");
    }
    let field = Field::UserName;
    assert_eq!(user_name("ab"), Err(TextError::TooShort { field, min: 3 }));
    assert!(user_name(&"a".repeat(USER_NAME_CHARS_MAX)).is_ok());
    let too_long = TextError::TooLong {
        field,
        max: USER_NAME_CHARS_MAX,
    };
    assert_eq!(
        user_name(&"a".repeat(USER_NAME_CHARS_MAX + 1)),
        Err(too_long)
    );
    assert_eq!(user_name(""), Err(TextError::Empty { field }));
    for reserved in USER_NAMES_RESERVED {
        assert_eq!(user_name(reserved), Err(TextError::ReservedUserName));
    }
}

#[test]
fn mail_addresses_have_a_plain_shape() {
    for typed in [
        "a@b.jp",
        "a.b+c@example.co.jp",
        "..old@docomo.example",
        "x_y@a-b.example",
    ] {
        assert_eq!(mail(typed).as_deref(), Ok(typed));
    }
    let wrong = [
        "a",
        "a@",
        "@b.jp",
        "a@b",
        "a@b..jp",
        "a@-b.jp",
        "a@b-.jp",
        "a b@c.jp",
        "a@b c.jp",
        "あ@b.jp",
        "a@あ.jp",
        "a@b.jp\n.c",
        "a,b@c.jp",
        "<a@b.jp>",
        "a@b@",
    ];
    for typed in wrong {
        assert_eq!(mail(typed), Err(TextError::NotAMailAddress), "{typed:?}");
    }
    let too_long = TextError::TooLong {
        field: Field::Mail,
        max: MAIL_CHARS_MAX,
    };
    assert_eq!(mail(&"a".repeat(MAIL_CHARS_MAX + 1)), Err(too_long));
}

#[test]
fn mail_addresses_are_claimed_without_regard_to_capitals() {
    let mail = Mail::parse("ｈａｎａ＠ｅｘａｍｐｌｅ．ｊｐ").unwrap();
    assert_eq!(
        mail.as_str(),
        "hana@example.jp",
        "as a Japanese keyboard types it"
    );
    let mail = Mail::parse(" Hana@Example.JP ").unwrap();
    assert_eq!(mail.as_str(), "Hana@example.jp");
    assert_eq!(mail.normalised(), "hana@example.jp");
}

#[test]
fn tags_are_few_and_none_is_there_twice() {
    let tags = Tags::parse(&["自転車", " #自転車 ", "", "＃修理"]).unwrap();
    assert_eq!(Vec::<String>::from(tags), ["自転車", "修理"]);
    let many: Vec<String> = (0..=TAGS_MAX).map(|n| format!("tag{n}")).collect();
    assert!(Tags::parse(&many[..TAGS_MAX]).is_ok());
    assert_eq!(
        Tags::parse(&many),
        Err(TextError::TooManyTags { max: TAGS_MAX })
    );
}

#[test]
fn places_are_vague() {
    let place = rounded_place(35.681_236, -0.001).unwrap();
    assert_eq!(serde_form(place.lat, place.lon), "35.68 0");
    for (lat, lon) in [
        (90.1, 0.0),
        (0.0, -180.1),
        (f64::NAN, 0.0),
        (0.0, f64::INFINITY),
    ] {
        assert_eq!(rounded_place(lat, lon), Err(TextError::NotOnTheGlobe));
    }
}

/// As JSON would show it: `-0` would look odd there.
fn serde_form(lat: f64, lon: f64) -> String {
    format!("{lat} {lon}")
}

#[test]
fn debug_output_shows_nothing_that_was_typed() {
    assert_eq!(format!("{:?}", Words::parse("ひみつ").unwrap()), "Words(…)");
    assert_eq!(
        format!("{:?}", UserName::parse("himitsu").unwrap()),
        "UserName(…)"
    );
    assert_eq!(
        format!("{:?}", Mail::parse("himitsu@example.jp").unwrap()),
        "Mail(…)"
    );
}
