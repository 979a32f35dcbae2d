//! What things are called on the pages, in Japanese and English.

use meguri_domain::{Side, Status};
use meguri_events::ReasonCode;
use meguri_http::Language;

/// The one of the two texts that the reader understands.
pub(super) const fn either(language: Language, ja: &'static str, en: &'static str) -> &'static str {
    match language {
        Language::Japanese => ja,
        Language::English => en,
    }
}

/// What happened, for every type of event there is; a type that is younger than this has none.
const TYPES: &[(&str, &str, &str)] = &[
    ("ExchangeRequested", "スケットを頼んだ", "Asked for help"),
    ("ExchangeApplied", "スケットを申し込んだ", "Applied to help"),
    ("MessagePosted", "メッセージを送った", "Wrote a message"),
    ("TermsProposed", "条件を提案した", "Proposed terms"),
    ("TermsAgreed", "条件に合意した", "Agreed to terms"),
    ("ExchangeStarted", "交換が始まった", "The exchange started"),
    ("ExchangeCancelled", "調整をやめた", "Cancelled"),
    ("CompletionReported", "完了を伝えた", "Reported completion"),
    (
        "CompletionReminded",
        "完了報告をうながした",
        "Reminded of completion",
    ),
    (
        "ExchangeCompleted",
        "交換が完了した",
        "The exchange was completed",
    ),
    ("ExchangeAborted", "交換を中止した", "Gave up"),
    ("EvaluationWritten", "評価を書いた", "Wrote an evaluation"),
    (
        "EvaluationRetracted",
        "評価を取り下げた",
        "Took the evaluation back",
    ),
    ("ThanksSent", "ありがとうを送った", "Sent thanks"),
    ("MemberRegistered", "会員になった", "Registered"),
    (
        "NicknameChanged",
        "ニックネームを変えた",
        "Changed the nickname",
    ),
    ("MemberLeft", "退会した", "Left"),
    ("MemberErased", "会員が消去された", "The member was erased"),
    ("KeysDestroyed", "鍵が破棄された", "Keys were destroyed"),
    ("NeedPosted", "コマリゴトを書いた", "Posted a Need"),
    ("NeedEdited", "コマリゴトを直した", "Edited a Need"),
    ("NeedClosed", "コマリゴトを閉じた", "Closed a Need"),
    ("NeedReopened", "コマリゴトをまた開いた", "Reopened a Need"),
    ("OfferPosted", "デキルコトを書いた", "Posted an Offer"),
    ("OfferEdited", "デキルコトを直した", "Edited an Offer"),
    ("OfferClosed", "デキルコトを閉じた", "Closed an Offer"),
    (
        "OfferReopened",
        "デキルコトをまた開いた",
        "Reopened an Offer",
    ),
    (
        "ClaimTaken",
        "名前などが使われた",
        "A name or the like was taken",
    ),
    (
        "ClaimReleased",
        "名前などが空いた",
        "A name or the like was released",
    ),
    (
        "SealedTextOpened",
        "封印された文が開かれた",
        "Sealed text was opened",
    ),
    (
        "ViewOpened",
        "ビューの行が読まれた",
        "Rows of a view were read",
    ),
    ("MemberBlocked", "ブロックした", "Blocked a member"),
    (
        "PostMatched",
        "合う投稿が知らされた",
        "A member was told of a post that fits theirs",
    ),
    ("MemberUnblocked", "ブロックを解いた", "Took a block back"),
    (
        "VocabularyWordAdded",
        "検索のことばが加えられた",
        "A word was added to the vocabulary of search",
    ),
    (
        "VocabularyWordRemoved",
        "検索のことばが除かれた",
        "A word was removed from the vocabulary of search",
    ),
    (
        "SynonymsGrouped",
        "同義語がまとめられた",
        "Words were grouped as synonyms",
    ),
    (
        "SynonymsUngrouped",
        "同義語の組が解かれた",
        "A group of synonyms was taken apart",
    ),
    (
        "EventRedacted",
        "出来事が抹消された",
        "An event was redacted",
    ),
];

/// What an event of this type is called; the type itself where it has no other name.
pub(super) fn event_type(name: &str, language: Language) -> &str {
    let known = TYPES.iter().find(|(known, ..)| *known == name);
    known.map_or(name, |(_, ja, en)| either(language, ja, en))
}

/// Where an exchange stands (H24).
pub(super) const fn status(status: Status, language: Language) -> &'static str {
    match status {
        Status::Negotiating => either(language, "調整中", "Negotiating"),
        Status::InProgress => either(language, "交換中", "In progress"),
        Status::Completed => either(language, "完了", "Completed"),
        Status::Cancelled => either(language, "取りやめ", "Cancelled"),
        Status::Aborted => either(language, "中止", "Aborted"),
    }
}

/// One of the two sides.
pub(super) const fn side(side: Side, language: Language) -> &'static str {
    match side {
        Side::Opener => either(language, "開いた側", "opener"),
        Side::Asked => either(language, "頼まれた側", "asked"),
    }
}

/// Why an exchange ended.
pub(super) const fn reason(reason: ReasonCode, language: Language) -> &'static str {
    match reason {
        ReasonCode::OwnWords => either(
            language,
            "本人の申し出（言葉は封印されています）",
            "By the member (the words are sealed)",
        ),
        ReasonCode::MemberLeft => either(language, "退会のため", "The member has left"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_of_event_has_a_name_in_both_languages() {
        let named = |name: &&&str| TYPES.iter().any(|(known, ..)| *known == **name);
        let nameless: Vec<_> = meguri_events::TYPES
            .iter()
            .filter(|it| !named(it))
            .collect();
        assert!(nameless.is_empty(), "{nameless:?}");
        for (name, ..) in TYPES {
            assert_ne!(
                event_type(name, Language::Japanese),
                event_type(name, Language::English)
            );
        }
    }
}
