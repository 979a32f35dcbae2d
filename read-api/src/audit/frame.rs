//! What is around every page: its head, who has signed in, and what to say instead of it.

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use meguri_http::{Language, Problem};
use meguri_views::history::Asking;

use super::session;
use super::words::either;
use crate::ReadApi;
use crate::asker::Inquirer;
use crate::html::Html;

/// Pages run the program of this server and load nothing from elsewhere; nothing frames them.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// Begins a page.
pub(super) fn begin(language: Language, title: &str, reader: Option<&Inquirer>) -> Html {
    let mut html = Html::default();
    html.raw("<!doctype html>\n<html lang=\"")
        .raw(language.tag());
    html.raw("\">\n<head>\n<meta charset=\"utf-8\">\n<title>")
        .text(title);
    html.raw(" — Meguri</title>\n");
    html.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    html.raw("<link rel=\"stylesheet\" href=\"/audit/audit.css\">\n");
    html.raw("<script type=\"module\" src=\"/audit/check.mjs\"></script>\n</head>\n<body>\n");
    html.raw("<header class=\"page\"><a href=\"/audit\">");
    html.raw(either(language, "巡り 監査", "Meguri audit"))
        .raw("</a>");
    if let Some(reader) = reader {
        html.raw("\n<span>");
        html.raw(match reader.asking {
            Asking::Auditor => either(language, "監査人 ", "Auditor "),
            Asking::Member(_) => either(language, "会員 ", "Member "),
        });
        html.raw("<code>")
            .text(&reader.subject)
            .raw("</code></span>\n");
        html.raw("<form method=\"post\" action=\"/audit/sign-out\"><button>");
        html.raw(either(language, "ログアウト", "Sign out"))
            .raw("</button></form>");
    }
    html.raw("</header>\n<main>\n<h1>")
        .text(title)
        .raw("</h1>\n");
    html
}

/// Ends a page, and answers with it.
pub(super) fn end(mut html: Html, language: Language) -> Response {
    html.raw("</main>\n</body>\n</html>\n");
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_LANGUAGE, language.tag()),
        (header::VARY, "accept-language"),
    ];
    (headers, html.finish()).into_response()
}

/// Says as a page what otherwise would be a problem in JSON; who is not signed in may do so.
pub(super) async fn problems_as_pages(
    State(_): State<ReadApi>,
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
    let mut html = begin(language, &body.title, None);
    if let Some(detail) = &body.detail {
        html.raw("<p>").text(detail).raw("</p>\n");
    }
    end(html, language)
}

fn sign_in(language: Language, why: &str, uri: &Uri) -> Response {
    let title = either(
        language,
        "監査のページにログイン",
        "Sign in to the audit pages",
    );
    let mut html = begin(language, title, None);
    html.raw("<p role=\"status\">").text(why).raw("</p>\n");
    html.raw("<form method=\"post\" action=\"/audit/sign-in\">\n<label>");
    html.raw(either(language, "アクセストークン", "Access token"));
    html.raw(" <input type=\"password\" name=\"token\" required autofocus ");
    html.raw("autocomplete=\"off\" spellcheck=\"false\"></label>\n");
    let next = uri.path_and_query().map_or(uri.path(), |it| it.as_str());
    html.raw("<input type=\"hidden\" name=\"next\" value=\"")
        .text(next)
        .raw("\">\n<button>");
    html.raw(either(language, "ログイン", "Sign in"))
        .raw("</button>\n</form>\n<p>");
    html.raw(either(
        language,
        "当事者は自分の交換を、監査人はすべての交換を、封印された文を除いて見られます。\
         https か localhost で開いてください。",
        "A party sees its own exchanges, an auditor all of them, but for what is sealed. Open this \
         page over https or on localhost.",
    ));
    html.raw("</p>\n");
    end(html, language)
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
