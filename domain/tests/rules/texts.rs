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
    for nothing in ["", " \u{3000}\t", "\u{200b}\u{feff}", "\u{3164}"] {
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
    for typed in ["a\0b", "a\nb", "a\u{1b}b", "a\u{202e}b"] {
        let field = Field::Nickname;
        assert_eq!(
            Nickname::parse(typed),
            Err(TextError::ControlCharacter { field }),
            "{typed:?}"
        );
    }
    let field = Field::Description;
    assert_eq!(
        Description::parse("a\0b"),
        Err(TextError::ControlCharacter { field })
    );
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
