//! Problem details (RFC 9457): a stable `type`, and a sentence in the reader's language.

use std::borrow::Cow;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use meguri_read_api::Sentence;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Language;

/// Media type of every error answer.
pub const PROBLEM_MEDIA_TYPE: &str = "application/problem+json";

/// A kind of problem: what its `type`, status and title are. Codes never change their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// Last part of `type`: `/problems/<code>`.
    pub code: &'static str,
    /// HTTP status.
    pub status: StatusCode,
    /// Title in Japanese.
    pub ja: &'static str,
    /// Title in English.
    pub en: &'static str,
}

/// The kinds of problem that are not a rule's refusal.
pub mod kinds {
    use super::{Kind, StatusCode};

    macro_rules! kinds {
        ($(
            $(#[$doc:meta])*
            $name:ident = $status:ident $code:literal $ja:literal $en:literal;
        )*) => {
            $($(#[$doc])* pub const $name: Kind =
                Kind { code: $code, status: StatusCode::$status, ja: $ja, en: $en };)*
            /// Every kind of this module, for the page that documents them.
            pub const ALL: &[Kind] = &[$($name),*];
        };
    }

    kinds! {
        /// The request cannot be read: bad JSON, a bad header, a bad query.
        BAD_REQUEST = BAD_REQUEST "bad-request"
            "リクエストを読み取れません" "The request cannot be read";
        /// No access token, or one that is unknown, revoked or expired.
        UNAUTHENTICATED = UNAUTHORIZED "unauthenticated"
            "アクセストークンが必要です" "An access token is needed";
        /// User name and password do not belong together, or nobody has that name.
        WRONG_CREDENTIALS = UNAUTHORIZED "wrong-credentials"
            "ユーザー名またはパスワードが違います" "User name or password is wrong";
        /// The caller may not do this.
        FORBIDDEN = FORBIDDEN "forbidden"
            "この操作は許可されていません" "This is not allowed";
        /// There is nothing here, or nothing that the caller may know of.
        NOT_FOUND = NOT_FOUND "not-found"
            "見つかりません" "Not found";
        /// The path exists, the method does not.
        METHOD_NOT_ALLOWED = METHOD_NOT_ALLOWED "method-not-allowed"
            "このメソッドは使えません" "This method is not offered here";
        /// Others changed the same thing at the same time, again and again.
        CONFLICT = CONFLICT "conflict"
            "同時に変更がありました。もう一度お試しください"
            "Others changed this at the same time; try again";
        /// `If-Match` names a version that is no longer the current one.
        PRECONDITION_FAILED = PRECONDITION_FAILED "precondition-failed"
            "ほかの変更が先に行われました。最新の内容を確認してください"
            "This was changed in the meantime; read it again";
        /// The body did not arrive in the time that it may take.
        BODY_TOO_SLOW = REQUEST_TIMEOUT "body-too-slow"
            "本文が時間内に届きませんでした" "The body did not arrive in time";
        /// The body is larger than what is accepted.
        TOO_LARGE = PAYLOAD_TOO_LARGE "too-large"
            "本文が大きすぎます" "The body is too large";
        /// The body is not sent as `application/json`.
        UNSUPPORTED_MEDIA_TYPE = UNSUPPORTED_MEDIA_TYPE "unsupported-media-type"
            "本文は application/json で送ってください" "Send the body as application/json";
        /// The body is compressed, or encoded otherwise.
        UNSUPPORTED_CONTENT_ENCODING = UNSUPPORTED_MEDIA_TYPE "unsupported-content-encoding"
            "圧縮などで符号化された本文は受け取れません" "An encoded body is not taken";
        /// The body is JSON, but not what the route takes.
        INVALID_BODY = UNPROCESSABLE_ENTITY "invalid-body"
            "本文の形式が正しくありません" "The body is not what this route takes";
        /// The same `Idempotency-Key` was used for another request.
        KEY_REUSED = UNPROCESSABLE_ENTITY "idempotency-key-reused"
            "この Idempotency-Key は別のリクエストで使われています"
            "This Idempotency-Key was used for another request";
        /// Too many requests from this account or address.
        TOO_MANY_REQUESTS = TOO_MANY_REQUESTS "too-many-requests"
            "リクエストが多すぎます。しばらくしてからお試しください"
            "Too many requests; try again later";
        /// Something failed that is not the client's fault.
        INTERNAL = INTERNAL_SERVER_ERROR "internal"
            "サーバーで問題が発生しました" "Something failed on the server";
        /// The server has more work than it accepts.
        BUSY = SERVICE_UNAVAILABLE "busy"
            "混み合っています。しばらくしてからお試しください" "The server is busy; try again shortly";
        /// The outcome is not known: it may have happened.
        OUTCOME_UNKNOWN = SERVICE_UNAVAILABLE "outcome-unknown"
            "結果を確認できません。同じ Idempotency-Key でもう一度お試しください"
            "The outcome is unknown; repeat with the same Idempotency-Key";
        /// Nothing was done: a part of the server cannot be reached.
        UNAVAILABLE = SERVICE_UNAVAILABLE "unavailable"
            "ただいま利用できません" "Not available at the moment";
        /// A view has not reached the position that was asked for.
        NOT_YET = SERVICE_UNAVAILABLE "not-yet"
            "まだ反映されていません。少し待ってからお試しください"
            "Not there yet; try again shortly";
        /// An event could not be folded: the view stands still until it is mended and rebuilt.
        VIEW_STOPPED = SERVICE_UNAVAILABLE "view-stopped"
            "この表示は停止しています。運営者が対応します"
            "This view has stopped; those who run the server have to mend it";
        /// What the view held was not what the log says: it is not shown, and built anew.
        VIEW_WITHDRAWN = SERVICE_UNAVAILABLE "view-withdrawn"
            "この表示は記録と一致しないため、作り直しています。しばらくしてからお試しください"
            "This view did not match the log and is being built anew; try again shortly";
        /// The view is being built for the first time.
        VIEW_NOT_READY = SERVICE_UNAVAILABLE "view-not-ready"
            "この表示は準備中です。しばらくしてからお試しください"
            "This view is being built; try again shortly";
        /// The view is being built as of the moment that was asked for.
        VIEW_AS_OF_BUILDING = SERVICE_UNAVAILABLE "view-as-of-building"
            "その時点の表示を作っています。しばらくしてからお試しください"
            "The view as of that moment is being built; try again shortly";
        /// `as_of` names a moment that the log has not reached.
        AS_OF_BEYOND_HEAD = BAD_REQUEST "as-of-beyond-head"
            "as_of はまだ来ていない時点です" "`as_of` is a moment that has not come yet";
    }
}

/// What a problem looks like on the wire.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// Stable identification of the kind of problem, a path on this server: `/problems/<code>`.
    #[serde(rename = "type")]
    #[schema(example = "/problems/not-found")]
    pub kind: String,
    /// What kind of problem this is, in the reader's language.
    pub title: String,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    pub status: u16,
    /// What happened, in the reader's language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Further members, as documented with the kind.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// An error answer. Without [`crate::guard`] it is written in Japanese.
#[derive(Debug, Clone)]
pub struct Problem(Box<Parts>);

#[derive(Debug, Clone)]
struct Parts {
    code: Cow<'static, str>,
    status: StatusCode,
    title: Sentence,
    detail: Option<Sentence>,
    extra: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem of a known kind.
    pub fn new(kind: Kind) -> Self {
        Self(Box::new(Parts {
            code: Cow::Borrowed(kind.code),
            status: kind.status,
            title: Sentence::new(kind.ja, kind.en),
            detail: None,
            extra: Map::new(),
            headers: Vec::new(),
        }))
    }

    /// A rule's refusal (422): `code` is the rule's own, the sentences are for people.
    pub fn refused(
        code: impl Into<Cow<'static, str>>,
        ja: impl Into<Cow<'static, str>>,
        en: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self(Box::new(Parts {
            code: code.into(),
            status: StatusCode::UNPROCESSABLE_ENTITY,
            title: Sentence::new("その操作はできません", "A rule does not allow this"),
            detail: Some(Sentence::new(ja, en)),
            extra: Map::new(),
            headers: Vec::new(),
        }))
    }

    /// Something is taken by somebody else (409); otherwise as [`Problem::refused`].
    pub fn taken(
        code: impl Into<Cow<'static, str>>,
        ja: impl Into<Cow<'static, str>>,
        en: impl Into<Cow<'static, str>>,
    ) -> Self {
        let mut problem = Self::refused(code, ja, en);
        problem.0.status = StatusCode::CONFLICT;
        problem.0.title = Sentence::new("すでに使われています", "This is taken");
        problem
    }

    /// The kind that belongs to a bare HTTP error status.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        match kinds::ALL.iter().find(|kind| kind.status == status) {
            Some(kind) => Self::new(*kind),
            None => Self(Box::new(Parts {
                code: Cow::Owned(format!("http-{}", status.as_u16())),
                status,
                title: Sentence::new(
                    "リクエストを処理できません",
                    status
                        .canonical_reason()
                        .unwrap_or("The request cannot be processed"),
                ),
                detail: None,
                extra: Map::new(),
                headers: Vec::new(),
            })),
        }
    }

    /// Says what happened.
    #[must_use]
    pub fn detail(
        mut self,
        ja: impl Into<Cow<'static, str>>,
        en: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.0.detail = Some(Sentence::new(ja, en));
        self
    }

    /// Adds a member, e.g. the position that was reached.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.extra.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a header, e.g. `Retry-After`.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// Says after how many seconds another attempt makes sense.
    #[must_use]
    pub fn retry_after(self, seconds: u64) -> Self {
        self.header(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// Last part of `type`.
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// HTTP status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// As it goes over the wire, in one language.
    pub fn body(&self, language: Language) -> ProblemBody {
        ProblemBody {
            kind: format!("/problems/{}", self.0.code),
            title: language.of_sentence(&self.0.title).to_owned(),
            status: self.0.status.as_u16(),
            detail: self
                .0
                .detail
                .as_ref()
                .map(|detail| language.of_sentence(detail).to_owned()),
            extra: self.0.extra.clone(),
        }
    }

    /// The whole answer in one language.
    pub(crate) fn answer(&self, language: Language) -> Response {
        let bytes = serde_json::to_vec(&self.body(language));
        let bytes = bytes.expect("INVARIANT: texts and numbers can be written as JSON");
        let mut response = Response::new(Body::from(bytes));
        *response.status_mut() = self.0.status;
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static(PROBLEM_MEDIA_TYPE),
        );
        headers.insert(
            header::CONTENT_LANGUAGE,
            HeaderValue::from_static(language.tag()),
        );
        headers.insert(header::VARY, HeaderValue::from_static("accept-language"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        for (name, value) in &self.0.headers {
            headers.insert(name.clone(), value.clone());
        }
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.answer(Language::default());
        // The guard writes it again in the language the reader asked for.
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_code_of_its_own() {
        let mut codes: Vec<_> = kinds::ALL.iter().map(|kind| kind.code).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), kinds::ALL.len());
    }

    #[test]
    fn a_refusal_speaks_both_languages() {
        let problem = Problem::refused("already-thanked", "送信済みです", "Already thanked")
            .with("rule", "H19");
        insta::assert_json_snapshot!(
            [problem.body(Language::Japanese), problem.body(Language::English)],
            @r#"
        [
          {
            "type": "/problems/already-thanked",
            "title": "その操作はできません",
            "status": 422,
            "detail": "送信済みです",
            "rule": "H19"
          },
          {
            "type": "/problems/already-thanked",
            "title": "A rule does not allow this",
            "status": 422,
            "detail": "Already thanked",
            "rule": "H19"
          }
        ]
        "#);
    }
}
