//! The reader of the pages: an access token, which the browser keeps as a cookie for them alone.

use axum::Form;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use meguri_http::{Inquirer, Language, Problem};
use meguri_read_api::Viewer;
use serde::Deserialize;

use super::AUDIT_PATH;
use crate::Site;

/// The cookie that holds the token.
const COOKIE: &str = "meguri-audit";

/// No program reads it, no other site's form sends it, nothing but these pages gets it, and the
/// browser forgets it when it is closed. `Secure` holds on localhost, too, as for the
/// cryptography of browsers.
const ATTRIBUTES: &str = "; Path=/audit; HttpOnly; SameSite=Strict; Secure";

/// A party or an auditor who looks at the pages: by the token of its `Authorization`, as every
/// client, or by that of the cookie.
#[derive(Debug)]
pub(super) struct Reader(pub(super) Viewer);

impl FromRequestParts<Site> for Reader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Problem> {
        match token_of(&parts.headers) {
            Some(token) if !parts.headers.contains_key(header::AUTHORIZATION) => {
                holder(site, token).await
            }
            Some(_) | None => {
                let Inquirer(viewer) = Inquirer::from_request_parts(parts, site).await?;
                Ok(Self(viewer))
            }
        }
    }
}

/// The party or the auditor who holds a token.
async fn holder(site: &Site, token: &str) -> Result<Reader, Problem> {
    let principal = site.tokens.principal(token).await?;
    principal.require_inquirer()?;
    Ok(Reader(principal.into()))
}

/// What the form of the sign-in page sends.
#[derive(Deserialize)]
pub(super) struct SignIn {
    token: String,
    #[serde(default)]
    next: String,
}

/// Remembers a token that is known, and goes on to where the reader was going.
///
/// # Errors
/// 401 for one that is not.
pub(super) async fn sign_in(
    State(site): State<Site>,
    Form(form): Form<SignIn>,
) -> Result<Response, Problem> {
    let token = form.token.trim();
    holder(&site, token).await?;
    let cookie = format!("{COOKIE}={token}{ATTRIBUTES}");
    Ok(redirected(&cookie, next(&form.next)))
}

/// Lets the browser forget the token; the token itself stays what it is.
pub(super) async fn sign_out() -> Response {
    let cookie = format!("{COOKIE}={ATTRIBUTES}; Max-Age=0");
    redirected(&cookie, AUDIT_PATH)
}

fn redirected(cookie: &str, to: &str) -> Response {
    let mut response = Redirect::to(to).into_response();
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// One of our own pages, whatever the form says: nobody is sent elsewhere from here.
fn next(asked: &str) -> &str {
    let rest = asked.strip_prefix(AUDIT_PATH);
    let ours = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
    let plain = asked
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if ours && plain { asked } else { AUDIT_PATH }
}

fn token_of(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).into_iter();
    let texts = cookies.filter_map(|cookie| cookie.to_str().ok());
    let mut pairs = texts.flat_map(|text| text.split(';'));
    pairs.find_map(|pair| {
        let token = pair.trim().strip_prefix(COOKIE)?.strip_prefix('=')?;
        (!token.is_empty()).then_some(token)
    })
}

/// What to say to a reader who is not signed in, or whose token is not known.
pub(super) fn sign_in_text(problem: &Problem, language: Language) -> Option<String> {
    if problem.status() == StatusCode::UNAUTHORIZED {
        let body = problem.body(language);
        return Some(body.detail.unwrap_or(body.title));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::next;

    #[test]
    fn nobody_is_sent_to_another_site_after_signing_in() {
        for ours in [
            "/audit",
            "/audit?type=ThanksSent",
            "/audit/exchanges/1?after=2",
        ] {
            assert_eq!(next(ours), ours);
        }
        for other in [
            "",
            "/",
            "//example.com",
            "https://example.com",
            "/auditor",
            "/audit@example.com",
            "/audit/\r\nSet-Cookie: a=b",
            "/audit/\\example.com",
            "/api/me",
        ] {
            assert_eq!(next(other), "/audit", "{other}");
        }
    }
}
