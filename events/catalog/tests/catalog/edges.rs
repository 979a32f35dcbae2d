//! What decoding does with what it does not expect, and what the small types hold to.

use meguri_events::{
    DecodeError, Event, ExchangeId, MemberId, MemberLeft, NeedId, OfferId, Opened, PostId, Sealed,
    ThanksSent, Timestamp,
};
use std::time::Duration;
use uuid::Uuid;

const FROM: &str = "member-00000000-0000-0000-0000-000000000001";
const TO: &str = "member-00000000-0000-0000-0000-000000000002";
const EXCHANGE: &str = "exchange-00000000-0000-0000-0000-000000000003";

fn data() -> String {
    format!(r#"{{"exchange":"{EXCHANGE}","from":"{FROM}","to":"{TO}"}}"#)
}

fn thanks(words: Option<Sealed<String>>) -> Event {
    let member = |n| MemberId::new(Uuid::from_u128(n));
    let exchange = ExchangeId::new(Uuid::from_u128(3));
    ThanksSent {
        exchange,
        from: member(1),
        to: member(2),
        words,
    }
    .into()
}

fn decode(data: &str, sections: &[(&str, Opened<'_>)]) -> Result<Event, DecodeError> {
    Event::decode("ThanksSent", 1, data, sections)
}

#[test]
fn an_unknown_type_is_told() {
    let error = Event::decode("ThanksShouted", 1, "{}", &[]).unwrap_err();
    assert_eq!(
        error,
        DecodeError::UnknownType {
            event_type: "ThanksShouted".to_owned()
        }
    );
}

#[test]
fn an_unknown_schema_number_is_told() {
    for schema in [0, 2] {
        let event_type = "ThanksSent".to_owned();
        let error = Event::decode("ThanksSent", schema, &data(), &[]).unwrap_err();
        assert_eq!(error, DecodeError::UnknownSchema { event_type, schema });
    }
}

#[test]
fn malformed_data_is_told_with_what_is_wrong() {
    for data in ["", "[]", "{}", &data().replace("member-", "need-")] {
        let Err(DecodeError::Malformed { part, .. }) = decode(data, &[]) else {
            panic!("{data} was taken");
        };
        assert_eq!(part, "data");
    }
}

#[test]
fn a_malformed_section_is_told_without_what_it_holds() {
    for plaintext in [
        r#"{"words":12345}"#,
        r#"{"word":"12345"}"#,
        r#""12345""#,
        "12345 ",
    ] {
        let sections = [("words", Opened::Plain(plaintext.as_bytes()))];
        let error = decode(&data(), &sections).unwrap_err();
        assert!(
            matches!(error, DecodeError::Malformed { part: "words", .. }),
            "{error}"
        );
        assert!(!error.to_string().contains("12345"), "{error}");
    }
}

#[test]
fn a_section_that_must_be_there_is_missed() {
    let sent = format!(
        r#"{{"exchange":"{EXCHANGE}","by":"{FROM}","to":"{TO}","keep_negotiating":false}}"#
    );
    let error = Event::decode("MessagePosted", 1, &sent, &[]).unwrap_err();
    assert!(
        matches!(
            error,
            DecodeError::MissingSection {
                section: "text",
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn an_optional_section_may_be_absent_known_or_erased() {
    assert_eq!(decode(&data(), &[]).unwrap(), thanks(None));
    let erased = decode(&data(), &[("words", Opened::Erased)]).unwrap();
    assert_eq!(erased, thanks(Some(Sealed::Erased)));
    let plain = Opened::Plain(r#"{"words":"どうも"}"#.as_bytes());
    let known = decode(&data(), &[("words", plain)]).unwrap();
    assert_eq!(known, thanks(Some(Sealed::Known("どうも".to_owned()))));
}

#[test]
fn fields_and_sections_of_the_future_are_passed_over() {
    let data = data().replace('}', r#","mood":{"a":[1]}}"#);
    let words = Opened::Plain(r#"{"mood":[],"w\u006frds":"どうも","to":1}"#.as_bytes());
    let sections = [("song", Opened::Plain(b"{}")), ("words", words)];
    let event = decode(&data, &sections).unwrap();
    assert_eq!(event, thanks(Some(Sealed::Known("どうも".to_owned()))));
}

#[test]
fn any_text_survives_its_encoding() {
    for text in [
        "",
        "\"}",
        "\u{0}\u{1f}\u{7f}",
        "\\u0041",
        "👩‍👩‍👧\u{2028}\r\n",
        "\u{10ffff}",
    ] {
        let event = thanks(Some(Sealed::Known(text.to_owned())));
        let encoded = event.encode().unwrap();
        let sections = [("words", Opened::Plain(&encoded.sections[0].plaintext))];
        assert_eq!(decode(&encoded.data, &sections).unwrap(), event);
    }
}

#[test]
fn debug_output_shows_nothing_that_is_sealed() {
    let event = thanks(Some(Sealed::Known("ひみつ".to_owned())));
    assert!(!format!("{event:?}").contains("ひみつ"));
    assert!(!format!("{:?}", event.encode().unwrap()).contains("ひみつ"));
}

#[test]
fn ids_name_their_streams_and_are_read_back() {
    let member = MemberId::new(Uuid::from_u128(1));
    assert_eq!(member.stream(), FROM);
    assert_eq!(MemberId::from_stream(FROM), Some(member));
    assert_eq!(member.to_string().parse::<MemberId>().unwrap(), member);
    assert_eq!(
        serde_json::to_string(&member).unwrap(),
        format!("\"{member}\"")
    );
    for other in ["", "member-", "member", EXCHANGE, &FROM[7..]] {
        assert_eq!(MemberId::from_stream(other), None, "{other}");
    }
    let left = Event::from(MemberLeft { member }).encode().unwrap();
    assert_eq!(left.data, format!(r#"{{"member":"{FROM}"}}"#));
}

#[test]
fn a_post_id_tells_its_kind() {
    let uuid = Uuid::from_u128(9);
    for post in [
        PostId::from(NeedId::new(uuid)),
        PostId::from(OfferId::new(uuid)),
    ] {
        assert_eq!(PostId::from_stream(&post.stream()), Some(post));
        let json = serde_json::to_string(&post).unwrap();
        assert_eq!(serde_json::from_str::<PostId>(&json).unwrap(), post);
    }
    assert!(
        "talk-00000000-0000-0000-0000-000000000009"
            .parse::<PostId>()
            .is_err()
    );
}

#[test]
fn moments_are_read_as_they_are_written() {
    for micros in [0, 1, 1_795_244_523_123_456, Timestamp::MAX.as_micros()] {
        let moment = Timestamp::from_micros(micros);
        assert_eq!(moment.to_string().parse::<Timestamp>().unwrap(), moment);
    }
    let moment = Timestamp::from_micros(1_795_244_523_123_456);
    assert_eq!(moment.to_string(), "2026-11-21T07:02:03.123456Z");
    assert_eq!(
        "2026-11-21T16:02:03.123456+09:00"
            .parse::<Timestamp>()
            .unwrap(),
        moment
    );
    assert!("2026-11-21".parse::<Timestamp>().is_err());
}

#[test]
fn moments_never_leave_what_can_be_written() {
    assert_eq!(Timestamp::from_micros(i64::MIN), Timestamp::MIN);
    assert_eq!(Timestamp::MAX.plus(Duration::MAX), Timestamp::MAX);
    assert_eq!(Timestamp::MIN.since(Timestamp::MAX), Duration::ZERO);
    assert_eq!(
        Timestamp::from_micros(7).since(Timestamp::MIN),
        Duration::from_micros(7)
    );
}
