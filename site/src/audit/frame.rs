//! What is around every page: its head, who has signed in, and what to say instead of it.

use askama::Template;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use meguri_http::{Language, Problem};
use meguri_read_api::Principal;

use super::session;
use super::words::either;

/// Pages run the program of this server and load nothing from elsewhere; nothing frames them.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// What every page says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'a> {
    pub(super) language: Language,
    pub(super) title: &'a str,
    /// The principal that has signed in.
    pub(super) reader: Option<&'a Principal>,
}

impl Frame<'_> {
    /// The one of the two texts that the reader understands.
    pub(super) fn say(&self, ja: &'static str, en: &'static str) -> &'static str {
        either(self.language, ja, en)
    }

    pub(super) fn role(&self, reader: &Principal) -> &'static str {
        match reader {
            Principal::Member(_) => self.say("会員", "Member"),
            Principal::Anonymous | Principal::Operator(_) | Principal::Auditor(_) => {
                self.say("監査人", "Auditor")
            }
        }
    }
}

/// Answers with a page.
pub(super) fn page(page: &impl Template, language: Language) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_LANGUAGE, language.tag()),
        (header::VARY, "accept-language"),
    ];
    let html = page.render();
    let html = html.expect("INVARIANT: a page is written to a text, which takes everything");
    (headers, html).into_response()
}

/// A problem, as a page.
#[derive(Template)]
#[template(path = "audit/problem.html")]
struct ProblemPage<'a> {
    frame: Frame<'a>,
    detail: Option<&'a str>,
}

/// What to say to a reader who has not signed in.
#[derive(Template)]
#[template(path = "audit/sign_in.html")]
struct SignIn<'a> {
    frame: Frame<'a>,
    why: &'a str,
    /// Where the reader was going.
    next: &'a str,
}

/// Says as a page what otherwise would be a problem in JSON; who is not signed in may do so.
pub(super) async fn problems_as_pages(
    language: Language,
    uri: Uri,
    request: Request,
    next: Next,
) -> Response {
    let mut response = next.run(request).await;
    let Some(problem) = response.extensions_mut().remove::<Problem>() else {
        return response;
    };
    let mut page = match session::sign_in_text(&problem, language) {
        Some(why) => sign_in(language, &why, &uri),
        None => told(language, &problem),
    };
    *page.status_mut() = problem.status();
    for name in [header::WWW_AUTHENTICATE, header::RETRY_AFTER, header::ALLOW] {
        if let Some(value) = response.headers().get(&name) {
            page.headers_mut().insert(name, value.clone());
        }
    }
    page
}

fn told(language: Language, problem: &Problem) -> Response {
    let body = problem.body(language);
    let frame = Frame {
        language,
        title: &body.title,
        reader: None,
    };
    let detail = body.detail.as_deref();
    page(&ProblemPage { frame, detail }, language)
}

fn sign_in(language: Language, why: &str, uri: &Uri) -> Response {
    let title = either(
        language,
        "監査のページにログイン",
        "Sign in to the audit pages",
    );
    let frame = Frame {
        language,
        title,
        reader: None,
    };
    let next = uri.path_and_query().map_or(uri.path(), |it| it.as_str());
    page(&SignIn { frame, why, next }, language)
}

/// Tells browsers what these pages never do.
pub(super) async fn protected(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Without an origin in it, our own forms would look like those of others.
        (header::REFERRER_POLICY, "same-origin"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
    ] {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}
