//! What each kind of problem means: the page behind every problem's `type`.

use meguri_commands::{CommandError, Password, Refusal, RefusalKind};
use meguri_domain::{
    BlockError, ClaimError, ExchangeError, Field, MemberError, PostError, TextError,
    VocabularyError,
};
use meguri_events::Mode;
use meguri_http::{Json, Language, Path, Problem, Problems, kinds};
use serde::Serialize;
use utoipa::ToSchema;

/// A kind of problem. Its code never changes its meaning.
#[derive(Serialize, ToSchema)]
pub(crate) struct KindOfProblem {
    /// As in a problem's `type`.
    #[serde(rename = "type")]
    #[schema(example = "/problems/already-thanked")]
    kind: String,
    /// HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What it means, in the reader's language.
    meaning: String,
}

/// Kinds of problem.
#[derive(Serialize, ToSchema)]
pub(crate) struct KindsOfProblem {
    /// All of them.
    items: Vec<KindOfProblem>,
}

/// Lists every kind of problem.
#[utoipa::path(
    get, path = "/problems", tag = "problems",
    extensions(("x-summary-ja" = json!("問題の種類の一覧"))),
    responses((status = 200, description = "All kinds", body = KindsOfProblem), Problems),
)]
pub(crate) async fn every_problem(language: Language) -> Json<KindsOfProblem> {
    let items = all()
        .iter()
        .map(|problem| told(problem, language))
        .collect();
    Json(KindsOfProblem { items })
}

/// Tells what a kind of problem means.
#[utoipa::path(
    get, path = "/problems/{code}", tag = "problems",
    extensions(("x-summary-ja" = json!("問題の種類の説明"))),
    params(("code" = String, Path, description = "Last part of a problem's `type`")),
    responses(
        (status = 200, description = "What it means", body = KindOfProblem),
        (status = 404, description = "No such kind", content_type = "application/problem+json",
            body = meguri_http::ProblemBody),
        Problems,
    ),
)]
pub(crate) async fn one_problem(
    Path(code): Path<String>,
    language: Language,
) -> Result<Json<KindOfProblem>, Problem> {
    let found = all().into_iter().find(|problem| problem.code() == code);
    let found = found.ok_or_else(|| Problem::new(kinds::NOT_FOUND))?;
    Ok(Json(told(&found, language)))
}

fn told(problem: &Problem, language: Language) -> KindOfProblem {
    let body = problem.body(language);
    // A refusal's title is the same for all of them: the sentence is what tells.
    let meaning = body.detail.unwrap_or(body.title);
    KindOfProblem {
        kind: body.kind,
        status: body.status,
        meaning,
    }
}

/// Every kind of problem, with numbers and names as examples.
fn all() -> Vec<Problem> {
    let general = kinds::ALL.iter().map(|kind| Problem::new(*kind));
    general
        .chain(refusals().into_iter().map(Problem::from))
        .collect()
}

/// Lists every case of an error. A case that is missing does not compile.
macro_rules! every {
    ($error:ident { $($case:ident $({ $($field:ident: $example:expr),+ })?),+ $(,)? }) => {{
        const fn _complete(error: &$error) {
            match error {
                $($error::$case $({ $($field: _),+ })? => (),)+
            }
        }
        [$(CommandError::from($error::$case $({ $($field: $example),+ })?)),+]
    }};
}

/// Every refusal that a decider can give.
fn of_rules() -> Vec<CommandError> {
    let title = Field::Title;
    let all: [Vec<CommandError>; 7] = [
        every!(MemberError { HasLeft }).into(),
        every!(PostError {
            NotTheAuthor,
            NoMode,
            TextErased
        })
        .into(),
        every!(ClaimError {
            UserNameTaken,
            MailTaken,
            ExchangeOpen,
            NeverReleased,
            NotTheHolder
        })
        .into(),
        every!(ExchangeError {
            OwnPost, Blocked, PostClosed, AuthorHasLeft, ModeNotAllowed { mode: Mode::Online },
            NotAParty, NotNegotiating, NotInProgress, RoomClosed, TermsChanged { latest: 2 },
            TermsNotNamed { latest: 2 },
            AlreadyReported, PartnerNotDone, NotHelped, AlreadyThanked, AlreadyEvaluated,
            NoEvaluation, GivenUp, TooLate,
        })
        .into(),
        every!(TextError {
            Empty { field: title }, TooShort { field: title, min: 3 },
            TooLong { field: title, max: 80 },
            ControlCharacter { field: title, found: '\u{7}', number: 3 },
            HiddenCharacter { field: title, found: '\u{200b}', number: 3 }, NotAUserName,
            ReservedUserName, NotAMailAddress, TooManyTags { max: 10 }, NotOnTheGlobe,
        })
        .into(),
        every!(VocabularyError {
            TooManyWords,
            NoSuchNumber,
            NotAGroup,
            InAnotherGroup,
            NotThere
        })
        .into(),
        every!(BlockError {
            Oneself,
            OtherHasLeft,
            NotBlocked
        })
        .into(),
    ];
    all.into_iter().flatten().collect()
}

fn refusals() -> Vec<Refusal> {
    let passwords =
        ["", &"x".repeat(1_000), "password\u{7}"].map(|typed| Password::new(typed).check().err());
    let own = [
        Refusal::member_erased(),
        Refusal::stream_frozen(),
        Refusal::half_a_place(),
    ];
    let of_rules = of_rules().into_iter().filter_map(|error| {
        if let CommandError::Refused(refusal) = error {
            Some(refusal)
        } else {
            None
        }
    });
    let all = of_rules.chain(passwords.into_iter().flatten()).chain(own);
    // What is hidden is answered as if it was not there.
    all.filter(|refusal| refusal.kind != RefusalKind::Hidden)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_listed_once_and_told_in_both_languages() {
        let all = all();
        let mut codes: Vec<&str> = all.iter().map(Problem::code).collect();
        let found = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), found);
        for problem in &all {
            let (ja, en) = (
                told(problem, Language::Japanese),
                told(problem, Language::English),
            );
            assert!(
                !ja.meaning.is_ascii() && !en.meaning.is_empty(),
                "{}",
                problem.code()
            );
        }
        insta::assert_json_snapshot!(codes);
    }
}
