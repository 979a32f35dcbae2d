//! The traps of Japanese text, one test for each.

use super::*;
use crate::ipadic::analyzer_with;

fn forms_by(analyzer: &Analyzer, text: &str) -> Vec<String> {
    let words = analyzer.words(&normalise(text));
    words.into_iter().map(|word| word.form).collect()
}

fn forms(text: &str) -> Vec<String> {
    forms_by(&analyzer_with(&[]), text)
}

fn readings(text: &str) -> Vec<String> {
    let words = analyzer_with(&[]).words(&normalise(text));
    words.into_iter().filter_map(|word| word.reading).collect()
}

#[test]
fn kyoto_does_not_stand_in_tokyo() {
    assert_eq!(forms("東京都"), ["東京", "都"]);
    assert_eq!(forms("京都府"), ["京都", "府"]);
}

#[test]
fn aizu_does_not_stand_in_society_and_tsunami() {
    assert_eq!(forms("社会津波"), ["社会", "津波"]);
    assert_eq!(forms("会津の米"), ["会津", "米"]);
}

#[test]
fn carrots_do_not_stand_in_foreigners_taking_part() {
    let foreigners = forms("外国人参加歓迎");
    assert!(!foreigners.contains(&"人参".to_owned()), "{foreigners:?}");
    assert!(foreigners.contains(&"参加".to_owned()), "{foreigners:?}");
}

#[test]
fn compounds_in_katakana_are_cut() {
    assert_eq!(forms("エアコンクリーニング"), ["えあこん", "くりーにんぐ"]);
    assert_eq!(forms("ハウスクリーニング"), ["はうす", "くりーにんぐ"]);
}

#[test]
fn all_ways_to_write_a_word_read_the_same() {
    for text in [
        "引越し",
        "引っ越し",
        "引越",
        "ひっこし",
        "ヒッコシ",
        "ﾋｯｺｼ",
        "引っ越した",
    ] {
        assert_eq!(readings(text), ["ひっこし"], "{text}");
    }
}

#[test]
fn a_verb_and_its_noun_are_one_word() {
    for text in ["手伝い", "手伝って", "手伝います", "お手伝い"] {
        assert_eq!(forms(text), ["手伝い"], "{text}");
    }
}

#[test]
fn long_vowels_at_the_end_make_no_difference() {
    assert_eq!(forms("プリンター"), forms("プリンタ"));
    assert_eq!(forms("ヴァイオリン"), forms("バイオリン"));
}

#[test]
fn a_compound_is_about_its_last_part_where_the_first_reads_as_it_does_alone() {
    let heads = |text: &str| -> Vec<char> {
        let words = analyzer_with(&[]).words(&normalise(text));
        words.into_iter().filter_map(|word| word.head).collect()
    };
    assert_eq!(heads("絵本 古本 愛犬 柴犬"), ['本', '本', '犬', '犬']);
    assert!(heads("基本 家庭 日本").is_empty());
}

#[test]
fn the_prefix_of_a_compound_counts_and_politeness_does_not() {
    assert_eq!(forms("英会話"), ["英会話"]);
    assert_eq!(forms("お買い物"), ["買い物"]);
}

#[test]
fn what_grammar_needs_says_nothing() {
    assert_eq!(
        forms("部屋の片付けを手伝ってくれる人"),
        ["部屋", "片付け", "手伝い", "人"]
    );
}

#[test]
fn words_of_the_community_are_not_cut_and_cut_nothing_apart() {
    let word = |surface: &str, reading: &str| UserWord {
        surface: surface.to_owned(),
        reading: Some(reading.to_owned()),
    };
    let words = [
        word("推し活", "オシカツ"),
        word("会津", "アイヅ"),
        word("地域食堂の会", "ちいきしょくどうのかい"),
    ];
    for analyzer in [
        analyzer_with(&words),
        analyzer_with(&[]).with_words(&words).unwrap(),
    ] {
        assert_eq!(forms_by(&analyzer, "推し活の友"), ["推し活", "友"]);
        assert_eq!(forms_by(&analyzer, "地域食堂の会です"), ["地域食堂の会"]);
        assert_eq!(forms_by(&analyzer, "社会津波"), ["社会", "津波"]);
    }
    let boundaries = Analyzer::without_dictionary(&words).unwrap();
    assert_eq!(forms_by(&boundaries, "推し活の友"), ["推し活", "友"]);
}

#[test]
fn a_word_without_letters_or_with_a_reading_in_kanji_is_refused() {
    let word = |surface: &str, reading: Option<&str>| UserWord {
        surface: surface.to_owned(),
        reading: reading.map(ToOwned::to_owned),
    };
    let analyzer = analyzer_with(&[]);
    for refused in [
        word(" ", None),
        word("推し活", Some("推し活")),
        word("推\n活", None),
    ] {
        assert!(matches!(
            analyzer.with_words(&[refused]),
            Err(AnalyzerError::Word(_))
        ));
    }
}

#[test]
fn the_fingerprint_is_of_the_variant_and_the_dictionary_not_of_the_words() {
    let words = [UserWord {
        surface: "推し活".to_owned(),
        reading: None,
    }];
    assert_eq!(
        analyzer_with(&[]).fingerprint(),
        analyzer_with(&words).fingerprint()
    );
    let boundaries = Analyzer::without_dictionary(&[]).unwrap();
    assert_ne!(analyzer_with(&[]).fingerprint(), boundaries.fingerprint());
}

#[test]
fn without_a_dictionary_text_is_cut_at_boundaries() {
    let boundaries = Analyzer::without_dictionary(&[]).unwrap();
    assert_eq!(
        forms_by(&boundaries, "東京都の観光"),
        ["東京", "都", "観光"]
    );
    assert!(!boundaries.has_dictionary());
}
