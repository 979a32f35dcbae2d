//! The addresses through which a request came, as proxies write them into its head.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, header};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The addresses of `X-Forwarded-For`, from left to right; none where the field is not sent. One
/// that cannot be read is `None` in its place.
pub(super) fn x_forwarded_for(headers: &HeaderMap) -> Option<Vec<Option<IpAddr>>> {
    let field = joined(headers, &X_FORWARDED_FOR)?;
    Some(field.split(',').map(|hop| address(hop.trim())).collect())
}

/// As [`x_forwarded_for`], of the `for` parameters of `Forwarded` (RFC 7239 §4).
pub(super) fn forwarded(headers: &HeaderMap) -> Option<Vec<Option<IpAddr>>> {
    let field = joined(headers, &header::FORWARDED)?;
    let elements = unquoted(&field, ',');
    Some(elements.into_iter().map(forwarded_for).collect())
}

/// The lines of a field as one list (RFC 9110 §5.3). A line that is no text names nobody.
fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let lines = headers.get_all(name).iter();
    let lines: Vec<_> = lines.map(|line| line.to_str().unwrap_or("?")).collect();
    (!lines.is_empty()).then(|| lines.join(","))
}

/// For whom an element of `Forwarded` asks.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let mut pairs = unquoted(element, ';').into_iter().map(str::trim);
    let value = pairs.find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("for")
            .then(|| value.trim())
    })?;
    let quoted = value.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    // No address has a character that would have to be escaped.
    address(quoted.unwrap_or(value))
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:80`.
fn address(text: &str) -> Option<IpAddr> {
    let bracketed = text.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    let bare = bracketed.unwrap_or(text).parse::<IpAddr>();
    let with_port = || text.parse::<SocketAddr>().map(|socket| socket.ip());
    bare.or_else(|_| with_port())
        .ok()
        .map(|ip| ip.to_canonical())
}

/// Splits where the separator stands outside of quoted strings (RFC 9110 §5.6.4).
fn unquoted(text: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut start) = (Vec::new(), 0);
    let (mut quoted, mut escaped) = (false, false);
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if character == separator && !quoted => {
                parts.push(&text[start..at]);
                start = at + separator.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}
