//! What the head of a request has to be before its body is asked for.

use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Version, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::{Language, Problem, kinds};

/// Most characters of a content coding that are said again.
const CODING_CHARS_MAX: usize = 40;

/// Refuses an encoded body before a byte of it is read: a client that waits for `100` with a body
/// that will not be taken keeps it (RFC 9110, 10.1.1).
///
/// # Errors
/// 415, with the coding.
pub(crate) fn refuse_encoded(headers: &HeaderMap) -> Result<(), Problem> {
    foreign_coding(headers).map_or(Ok(()), |coding| Err(encoded(&coding)))
}

/// A content coding other than `identity`, which says that there is none.
fn foreign_coding(headers: &HeaderMap) -> Option<String> {
    let lines = headers.get_all(header::CONTENT_ENCODING).iter();
    let codings = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    let mut codings = codings.map(|coding| String::from_utf8_lossy(coding.trim_ascii()));
    let foreign = codings.find(|it| !it.is_empty() && !it.eq_ignore_ascii_case("identity"));
    let shown = |c: char| if c.is_ascii_graphic() { c } else { '?' };
    foreign.map(|it| it.chars().take(CODING_CHARS_MAX).map(shown).collect())
}

fn encoded(coding: &str) -> Problem {
    Problem::new(kinds::UNSUPPORTED_CONTENT_ENCODING)
        .detail(
            format!("Content-Encoding: {coding} は使えません。本文はそのまま送ってください"),
            format!("Content-Encoding: {coding} is not taken; send the body as it is"),
        )
        // What would be taken (RFC 9110, 12.5.3).
        .header(
            header::ACCEPT_ENCODING,
            HeaderValue::from_static("identity"),
        )
}

/// Refuses a request off the wire that does not say, or says more than once, for which host it is
/// (RFC 9112, 3.2): a proxy in front may have understood another one.
pub async fn require_host(request: Request, next: Next) -> Response {
    if names_one_host(request.version(), request.headers()) {
        return next.run(request).await;
    }
    let problem = Problem::new(kinds::BAD_REQUEST).detail(
        "Host ヘッダーは正しいホスト名でひとつだけ送ってください",
        "Send one Host header with a valid host",
    );
    problem.answer(Language::of(request.headers()))
}

fn names_one_host(version: Version, headers: &HeaderMap) -> bool {
    let mut lines = headers.get_all(header::HOST).iter();
    match (lines.next(), lines.next()) {
        (None, _) => version < Version::HTTP_11,
        (Some(host), None) => host.to_str().is_ok_and(is_host),
        (Some(_), Some(_)) => false,
    }
}

/// A host, and perhaps a port, and nothing else.
fn is_host(text: &str) -> bool {
    let Ok(authority) = text.parse::<Authority>() else {
        return false;
    };
    let host = authority.host();
    let rest = text.strip_prefix(host);
    let port = rest.map(|rest| rest.strip_prefix(':').unwrap_or(rest));
    !host.is_empty() && port.is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn one_host_is_named_since_http_1_1() {
        let named = |version, hosts: &[&str]| {
            let mut headers = HeaderMap::new();
            for host in hosts {
                headers.append(header::HOST, host.parse().unwrap());
            }
            names_one_host(version, &headers)
        };
        for good in [
            "example.jp",
            "example.jp:8080",
            "127.0.0.1:80",
            "[::1]:80",
            "[::1]",
        ] {
            assert!(named(Version::HTTP_11, &[good]), "{good}");
        }
        for bad in [
            "", "a b", "a@b", "a/b", "a:b", "a:80:80", "http://a", "a:+80",
        ] {
            assert!(!named(Version::HTTP_11, &[bad]), "{bad}");
        }
        assert!(!named(Version::HTTP_11, &[]));
        assert!(!named(Version::HTTP_11, &["a", "a"]));
        assert!(named(Version::HTTP_10, &[]));
        assert!(!named(Version::HTTP_10, &["a", "b"]));
    }

    #[test]
    fn a_coding_is_named_as_it_was_sent_and_harmlessly() {
        let of = |lines: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::CONTENT_ENCODING, line.parse().unwrap());
            }
            foreign_coding(&headers)
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&["identity", " Identity ,"]), None);
        assert_eq!(of(&["identity, gzip"]).as_deref(), Some("gzip"));
        assert_eq!(of(&["identity", "BR"]).as_deref(), Some("BR"));
        assert_eq!(of(&["a b\u{e9}"]).as_deref(), Some("a?b?"));
        assert_eq!(of(&[&"x".repeat(500)]).unwrap().len(), CODING_CHARS_MAX);
    }
}
