//! The route by which a member is forgotten.

use axum::extract::State;
use meguri_commands::{Commands, Erasure, Password, Visitor};
use meguri_events::{KeyClass, Timestamp};
use meguri_http::{Bearer, Client, Json, Member, Problem, WriteProblems};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::caller;

/// That it is really meant.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ErasureConfirmation {
    /// The password once more: a token that somebody else has got hold of erases nobody.
    #[schema(value_type = String, format = Password)]
    password: Password,
}

/// What is erased, what is kept until when, and when it is complete.
#[derive(Serialize, ToSchema)]
pub(crate) struct ErasureAnswer {
    /// Position in the log: every view that has seen it holds nothing of what is erased.
    #[schema(minimum = 1)]
    position: u64,
    /// Retention classes that are erased.
    erased: Vec<ClassAnswer>,
    /// Retention classes that have to be kept for their legal term.
    kept: Vec<ClassAnswer>,
    /// When that term ends, RFC 3339; absent where nothing is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime, value_type = Option<String>)]
    kept_until: Option<Timestamp>,
    /// Whether the keys are destroyed. If not, that goes on by itself.
    keys_destroyed: bool,
    /// When no backup can bring it back any more, RFC 3339, at the latest; absent once that is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime, value_type = Option<String>)]
    complete_by: Option<Timestamp>,
    /// Whether that waits for those who run the server.
    awaits_operator: bool,
    /// All of it in a Japanese sentence.
    ja: String,
    /// All of it in an English sentence.
    en: String,
}

/// A retention class.
#[derive(Serialize, ToSchema)]
pub(crate) struct ClassAnswer {
    /// Its code.
    #[schema(example = "message")]
    code: &'static str,
    /// Its name in Japanese.
    #[schema(example = "メッセージ")]
    ja: &'static str,
    /// Its name in English.
    #[schema(example = "Messages")]
    en: &'static str,
}

impl From<&KeyClass> for ClassAnswer {
    fn from(class: &KeyClass) -> Self {
        Self {
            code: class.code(),
            ja: class.ja(),
            en: class.en(),
        }
    }
}

impl From<Erasure> for ErasureAnswer {
    fn from(erasure: Erasure) -> Self {
        let (ja, en) = erasure.in_words();
        Self {
            position: erasure.done.position.get(),
            erased: erasure.erased.iter().map(Into::into).collect(),
            kept: erasure.kept.iter().map(Into::into).collect(),
            kept_until: erasure.kept_until,
            keys_destroyed: erasure.keys_destroyed,
            complete_by: erasure.complete_by,
            awaits_operator: erasure.awaits_operator,
            ja,
            en,
        }
    }
}

/// Erases what one has written and who one is, and leaves the community (退会と個人データの消去).
///
/// The password is asked for again. One's posts are closed and one's exchanges ended as when one
/// leaves; thanks that one has sent go on being counted, without their words. The keys of all that
/// is sealed for one are destroyed, at once; records of money are kept for their legal term. What
/// old backups hold cannot be opened any more from `complete_by` on.
#[utoipa::path(
    delete, path = "/me", tag = "members", security(("bearer" = [])),
    extensions(("x-summary-ja" = json!("退会し、個人データを消去する"))),
    request_body = ErasureConfirmation,
    responses((status = 200, description = "Erased", body = ErasureAnswer), WriteProblems),
)]
pub(crate) async fn erase_me(
    State(app): State<Commands>,
    who: Member,
    Bearer(token): Bearer,
    Client(address): Client,
    Json(body): Json<ErasureConfirmation>,
) -> Result<Json<ErasureAnswer>, Problem> {
    let caller = caller(&app, who, None, &());
    let visitor = Visitor::new(address, None).with_token(&token);
    let app = app.asked_from(visitor);
    let erasure = app.erase_oneself(&caller, &body.password).await?;
    Ok(Json(erasure.into()))
}
