//! What the head of a request has to be before its body is asked for.

use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Version, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::{Language, Problem, kinds};

/// Fields that a request has once: of two, one program would believe the first and another the
/// last (RFC 9110, 5.3). `Host` is looked at where requests come off the wire.
const SINGLE: [HeaderName; 15] = [
    header::AUTHORIZATION,
    header::PROXY_AUTHORIZATION,
    header::CONTENT_LENGTH,
    header::CONTENT_LOCATION,
    header::CONTENT_RANGE,
    header::CONTENT_TYPE,
    header::DATE,
    header::FROM,
    header::IF_MODIFIED_SINCE,
    header::IF_RANGE,
    header::IF_UNMODIFIED_SINCE,
    header::ORIGIN,
    header::RANGE,
    HeaderName::from_static("last-event-id"),
    HeaderName::from_static("idempotency-key"),
];
/// Conditions that nothing here which writes can hold; `If-Match` is for each operation to hold.
const CONDITIONS: [HeaderName; 4] = [
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_UNMODIFIED_SINCE,
    header::IF_RANGE,
];

/// Most characters of a content coding that are said again.
const CODING_CHARS_MAX: usize = 40;

/// Refuses a head that says something twice which is said once, or sets a condition on a write that
/// would be passed over: what the client has forbidden would be done.
///
/// # Errors
/// 400 and 412, with the name of the field.
pub(crate) fn require_clear(method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
    let twice = |name: &&HeaderName| headers.get_all(*name).iter().nth(1).is_some();
    if let Some(name) = SINGLE.iter().find(twice) {
        let name = written(name);
        return Err(Problem::new(kinds::BAD_REQUEST).detail(
            format!("{name} ヘッダーはひとつだけ送ってください"),
            format!("Send one {name} header"),
        ));
    }
    let set = |name: &&HeaderName| headers.contains_key(*name);
    match CONDITIONS.iter().find(set) {
        Some(name) if !method.is_safe() => Err(not_held(name)),
        Some(_) | None => Ok(()),
    }
}

/// A condition was set on a write that cannot hold it.
pub(crate) fn not_held(name: &HeaderName) -> Problem {
    let name = written(name);
    Problem::new(kinds::PRECONDITION_FAILED).detail(
        format!("この操作では {name} を使えません"),
        format!("This operation takes no {name}"),
    )
}

/// A name as people write it: `If-None-Match`.
fn written(name: &HeaderName) -> String {
    let words = name.as_str().split('-').map(|word| match word {
        "id" => "ID".to_owned(),
        word => {
            let (first, rest) = word.split_at(1);
            first.to_ascii_uppercase() + rest
        }
    });
    words.collect::<Vec<_>>().join("-")
}

/// Whether the body is JSON in UTF-8, the only encoding in which it is exchanged (RFC 8259, 8.1). A
/// parameter other than `charset` says nothing about that (RFC 6838, 4.3).
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let mut lines = headers.get_all(header::CONTENT_TYPE).iter();
    let line = lines.next().filter(|_| lines.next().is_none());
    let Some(line) = line.and_then(|line| line.to_str().ok()) else {
        return false;
    };
    let mut parts = line.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
    let is_json = essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"));
    let mut parameters = parts.filter(|parameter| !parameter.is_empty());
    is_json && parameters.all(keeps_utf_8)
}

/// Whether a parameter of a content type leaves the body in UTF-8.
fn keeps_utf_8(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else {
        return false;
    };
    let unquoted = value.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    let value = unquoted.unwrap_or(value);
    !name.eq_ignore_ascii_case("charset") || value.eq_ignore_ascii_case("utf-8")
}

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

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn what_is_said_once_is_not_said_twice() {
        for name in SINGLE {
            let name = name.as_str();
            let one = headers(&[(name, "1")]);
            assert!(require_clear(&Method::GET, &one).is_ok(), "{name}");
            for other in ["1", "2", ""] {
                let two = headers(&[(name, "1"), (name, other)]);
                let refused = require_clear(&Method::GET, &two).unwrap_err();
                assert_eq!(refused.status(), 400, "{name}");
            }
        }
        let lists = headers(&[("accept-language", "ja"), ("accept-language", "en")]);
        assert!(require_clear(&Method::GET, &lists).is_ok());
        assert_eq!(written(&header::IF_NONE_MATCH), "If-None-Match");
        assert_eq!(written(&SINGLE[13]), "Last-Event-ID");
    }

    #[test]
    fn no_condition_on_a_write_is_passed_over() {
        for name in CONDITIONS {
            let set = headers(&[(name.as_str(), "*")]);
            for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
                let refused = require_clear(&method, &set).unwrap_err();
                assert_eq!(refused.status(), 412, "{method} {name}");
            }
            for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
                assert!(require_clear(&method, &set).is_ok(), "{method} {name}");
            }
        }
    }

    #[test]
    fn json_is_in_utf_8() {
        for (line, is) in [
            ("application/json", true),
            ("Application/JSON", true),
            ("application/json; charset=utf-8", true),
            ("application/json;charset=\"UTF-8\" ;", true),
            ("application/merge-patch+json; charset=UTF-8", true),
            ("application/json; profile=x", true),
            ("application/json; charset=utf-16", false),
            ("application/json; charset=utf-8; charset=utf-16", false),
            ("application/merge-patch+json; Charset=\"utf-16le\"", false),
            ("application/json; charset=shift_jis", false),
            ("application/json; charset=us-ascii", false),
            ("application/json; charset=", false),
            ("application/json; charset", false),
            ("application/json, application/json", false),
            ("text/json", false),
            ("", false),
        ] {
            assert_eq!(is_json(&headers(&[("content-type", line)])), is, "{line}");
        }
        assert!(!is_json(&HeaderMap::new()));
    }

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
