//! What people type: mistyped, in synonyms, in the community's words; and what is marked of it.

use meguri_search::{Analyzer, Searcher, Synonyms, UserWord, highlight};

use crate::documents::{Fixture, found, text};
use crate::ipadic::analyzer_with;

/// What is marked of a text when somebody searched for `typed`.
fn marked(searcher: &Searcher, typed: &str, shown: &str) -> Vec<String> {
    let found = searcher.search(&text(typed), &Synonyms::default()).unwrap();
    let marks = highlight(searcher.analyzer(), shown, &found.terms);
    marks
        .into_iter()
        .map(|mark| shown[mark].to_owned())
        .collect()
}

fn suggested(searcher: &Searcher, prefix: &str) -> Vec<(String, u64)> {
    let suggestions = searcher.suggest(prefix, 5).unwrap();
    suggestions
        .into_iter()
        .map(|it| (it.text, it.count))
        .collect()
}

#[test]
fn a_mistyped_word_is_corrected_and_said_so() {
    let titles = [
        "ノートパソコンの設定",
        "パソコンが壊れました",
        "プリンの作り方",
    ];
    let fixture = Fixture::new(analyzer_with(&[])).with_titles(&titles);
    let searcher = fixture.index.searcher();
    let found = searcher
        .search(&text("パソコソ 設定"), &Synonyms::default())
        .unwrap();
    assert_eq!(
        found
            .hits
            .iter()
            .map(|hit| hit.key.posted)
            .collect::<Vec<_>>(),
        [1]
    );
    assert!(found.relaxed);
    assert_eq!(found.did_you_mean.as_deref(), Some("パソコン 設定"));
    assert_eq!(marked(&searcher, "パソコソ", titles[1]), ["パソコン"]);
}

#[test]
fn most_of_the_words_are_enough_where_no_post_has_all() {
    let titles = [
        "部屋の片付けお手伝いします",
        "部屋を片づけてほしい",
        "部屋探しの同行",
        "人探し",
    ];
    let fixture = Fixture::new(analyzer_with(&[])).with_titles(&titles);
    let found = fixture.index.searcher();
    let found = found
        .search(
            &text("部屋の片付けを手伝ってくれる人"),
            &Synonyms::default(),
        )
        .unwrap();
    assert!(found.relaxed && found.did_you_mean.is_none());
    assert_eq!(found.hits[0].key.posted, 1);
}

#[test]
fn nothing_is_found_for_what_is_nowhere() {
    let fixture = Fixture::new(analyzer_with(&[])).with_titles(&["犬の散歩"]);
    for typed in ["量子力学", "!?", "zzz"] {
        assert!(
            found(&fixture.index.searcher(), &text(typed)).is_empty(),
            "{typed}"
        );
    }
}

#[test]
fn synonyms_are_found_by_each_other_and_rank_behind_the_word_itself() {
    let titles = [
        "パソコンの設定",
        "PCの設定",
        "庭の草むしり",
        "草取りと除草",
        "コンピューターの設定",
    ];
    let analyzer = analyzer_with(&[]);
    let fixture = Fixture::new(analyzer.clone()).with_titles(&titles);
    let groups = [
        vec!["PC", "パソコン", "コンピューター"],
        vec!["草取り", "草むしり", "除草"],
    ];
    let groups = groups.map(|group| group.into_iter().map(ToOwned::to_owned).collect());
    let synonyms = Synonyms::new(&analyzer, &groups);
    let searcher = fixture.index.searcher();
    let numbers = |typed: &str| {
        let found = searcher.search(&text(typed), &synonyms).unwrap();
        found
            .hits
            .iter()
            .map(|hit| hit.key.posted)
            .collect::<Vec<_>>()
    };
    assert_eq!(numbers("pc 設定").first(), Some(&2));
    assert_eq!(numbers("ぱそこん"), [1, 5, 2]);
    assert_eq!(numbers("草むしり"), [3, 4]);
    assert_eq!(numbers("くさとり"), [4, 3]);
}

#[test]
fn words_of_the_community_hold_for_what_is_put_from_then_on() {
    let fixture = Fixture::new(analyzer_with(&[])).with_titles(&["犬の散歩"]);
    let word = UserWord {
        surface: "推し活".to_owned(),
        reading: Some("おしかつ".to_owned()),
    };
    fixture.index.set_words(&[word]).unwrap();
    let fixture = fixture.with_titles(&["推し活の友"]);
    assert_eq!(found(&fixture.index.searcher(), &text("おしかつ")), [1]);
    let refused = UserWord {
        surface: String::new(),
        reading: None,
    };
    assert!(fixture.index.set_words(&[refused]).is_err());
    assert_eq!(found(&fixture.index.searcher(), &text("オシカツ")), [1]);
}

#[test]
fn what_was_looked_for_is_marked_in_what_was_typed() {
    let titles = [
        "単身の引っ越しを手伝って",
        "㍿の設立",
        "ﾊﾟｿｺﾝの設定",
        "Wi-Fiの設置",
        "台所の水もれ",
        "絵本の会",
        "ヴァイオリンの演奏",
    ];
    let fixture = Fixture::new(analyzer_with(&[])).with_titles(&titles);
    let searcher = fixture.index.searcher();
    for (typed, title, marks) in [
        ("ひっこし", 0, vec!["引っ越し"]),
        ("引越し 手伝い", 0, vec!["引っ越し", "手伝っ"]),
        ("会社", 1, vec!["㍿"]),
        ("ﾊﾟｿｺﾝ", 2, vec!["ﾊﾟｿｺﾝ"]),
        ("wifi", 3, vec!["Wi-Fi"]),
        ("水漏れ", 4, vec!["水もれ"]),
        ("本", 5, vec!["絵本"]),
        ("バイオリン", 6, vec!["ヴァイオリン"]),
        ("京都", 0, vec![]),
    ] {
        assert_eq!(marked(&searcher, typed, titles[title]), marks, "{typed}");
    }
}

#[test]
fn words_are_suggested_by_writing_and_by_reading_while_their_post_is_there() {
    let titles = [
        "引っ越しの手伝い",
        "引越しの荷物",
        "引っ越しの車",
        "コンピューター教室",
        "ヒッコシ便",
    ];
    let fixture = Fixture::new(analyzer_with(&[])).with_titles(&titles);
    let searcher = fixture.index.searcher();
    let pair = |text: &str, count| (text.to_owned(), count);
    assert_eq!(suggested(&searcher, "引っ"), [pair("引っ越し", 2)]);
    let by_reading = [pair("引っ越し", 2), pair("ヒッコシ", 1), pair("引越し", 1)];
    assert_eq!(suggested(&searcher, "ひっこ"), by_reading);
    assert_eq!(suggested(&searcher, "ｺﾝﾋﾟｭｰ"), [pair("コンピューター", 1)]);
    assert!(suggested(&searcher, " ").is_empty());
    fixture.index.remove(crate::documents::id(2)).unwrap();
    fixture.index.commit("removed").unwrap();
    let left = suggested(&fixture.index.searcher(), "ひっこ");
    assert!(left.iter().all(|(text, _)| text != "引越し"), "{left:?}");
}

#[test]
fn without_a_dictionary_okurigana_and_width_make_no_difference() {
    let analyzer = Analyzer::without_dictionary(&[]).unwrap();
    let titles = ["引越しの手伝い", "引っ越しの荷物", "ﾋｯｺｼ便", "東京都の観光"];
    let fixture = Fixture::new(analyzer).with_titles(&titles);
    let searcher = fixture.index.searcher();
    let mut moving = found(&searcher, &text("引越し"));
    moving.sort_unstable();
    assert_eq!(moving, [1, 2]);
    assert_eq!(found(&searcher, &text("ひっこし")), [3]);
    assert!(found(&searcher, &text("京都")).is_empty());
}
