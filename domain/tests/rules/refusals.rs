//! Every refusal has a stable name, and a sentence in Japanese and in English.

use std::collections::BTreeSet;
use std::fmt::Display;

use meguri_domain::{
    BlockError, ClaimError, ExchangeError, Field, MemberError, PostError, TextError,
};
use meguri_events::Mode;

fn holds(cases: &[(&str, String, &dyn Display)]) {
    let codes: BTreeSet<&str> = cases.iter().map(|(code, _, _)| *code).collect();
    assert_eq!(codes.len(), cases.len(), "a name is used twice: {codes:?}");
    let sentences: BTreeSet<String> = cases.iter().map(|(_, _, en)| en.to_string()).collect();
    assert_eq!(sentences.len(), cases.len(), "a sentence is used twice");
    for (code, ja, en) in cases {
        let kebab = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        assert!(!code.is_empty() && code.chars().all(kebab), "{code}");
        assert!(!ja.is_ascii() && ja.ends_with('。'), "{code}: {ja}");
        assert!(
            en.to_string().is_ascii() && !en.to_string().is_empty(),
            "{code}: {en}"
        );
    }
}

/// Lists every case of an enum; the `match` does not compile when one is missing.
macro_rules! every {
    ($type:ident: $($case:ident $({ $($field:ident: $value:expr),+ })?),+ $(,)?) => {{
        let listed = |error: &$type| match error { $( $type::$case { .. } => {} )+ };
        let errors = [$( $type::$case $({ $($field: $value),+ })? ),+];
        errors.iter().for_each(listed);
        errors
    }};
}

#[test]
fn every_refusal_of_an_exchange_has_a_name_and_two_sentences() {
    let errors = every!(ExchangeError:
        OwnPost, Blocked, PostClosed, AuthorHasLeft, ModeNotAllowed { mode: Mode::ByPost },
        NotAParty, NotNegotiating, NotInProgress, RoomClosed, TermsChanged { latest: 3 },
        TermsNotNamed { latest: 3 },
        AlreadyReported, PartnerNotDone, NotHelped, AlreadyThanked, AlreadyEvaluated,
        NoEvaluation, GivenUp, TooLate,
    );
    holds(
        &errors
            .each_ref()
            .map(|e| (e.code(), e.ja(), e as &dyn Display)),
    );
}

#[test]
fn every_refusal_of_a_text_has_a_name_and_two_sentences() {
    let field = Field::Mail;
    let errors = every!(TextError:
        Empty { field: field }, TooShort { field: field, min: 3 }, TooLong { field: field, max: 9 },
        ControlCharacter { field: field, found: '\u{7}', number: 3 },
        HiddenCharacter { field: field, found: '\u{200b}', number: 3 }, NotAUserName,
        ReservedUserName, NotAMailAddress,
        TooManyTags { max: 10 }, NotOnTheGlobe,
    );
    holds(
        &errors
            .each_ref()
            .map(|e| (e.code(), e.ja(), e as &dyn Display)),
    );
}

#[test]
fn every_other_refusal_has_a_name_and_two_sentences() {
    let posts = every!(PostError: NotTheAuthor, NoMode, TextErased);
    let members = every!(MemberError: HasLeft);
    let blocks = every!(BlockError: Oneself, OtherHasLeft, NotBlocked);
    let claims = every!(ClaimError:
        UserNameTaken, MailTaken, ExchangeOpen, NeverReleased, NotTheHolder);
    holds(
        &posts
            .each_ref()
            .map(|e| (e.code(), e.ja().to_owned(), e as &dyn Display)),
    );
    holds(
        &blocks
            .each_ref()
            .map(|e| (e.code(), e.ja().to_owned(), e as &dyn Display)),
    );
    holds(
        &members
            .each_ref()
            .map(|e| (e.code(), e.ja().to_owned(), e as &dyn Display)),
    );
    holds(
        &claims
            .each_ref()
            .map(|e| (e.code(), e.ja().to_owned(), e as &dyn Display)),
    );
}
