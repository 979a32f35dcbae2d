//! Addresses as they may be shown: without what may be a password in them.

use reqwest::Url;

/// An address without the password in it, and without its parameters, for they may hold one, too.
/// Of one that cannot be read nothing is shown: nobody knows where the password ends.
pub(crate) fn shown(address: &str) -> String {
    let scheme = address.split_once("://").map_or("", |(scheme, _)| scheme);
    let known = ["http", "https", "postgres", "postgresql"];
    let scheme = known.into_iter().find(|it| *it == scheme);
    let hidden = || {
        format!(
            "{}****",
            scheme.map(|it| format!("{it}://")).unwrap_or_default()
        )
    };
    let Ok(url) = Url::parse(address) else {
        return hidden();
    };
    let Some(host) = url.host_str().filter(|_| scheme.is_some()) else {
        return hidden();
    };
    // An `@` further on: the password held one of `/?#` as it is, and ended only there.
    let rest = [Some(url.path()), url.query(), url.fragment()];
    if rest.into_iter().flatten().any(|part| part.contains('@')) {
        return hidden();
    }
    let secret = if url.password().is_some() {
        ":****"
    } else {
        ""
    };
    let login = match url.username() {
        "" if secret.is_empty() => String::new(),
        user => format!("{user}{secret}@"),
    };
    let port = url
        .port()
        .map(|port| format!(":{port}"))
        .unwrap_or_default();
    // `http://host` reads as `http://host/`, which nobody wrote.
    let path = url.path().trim_end_matches('/');
    let more = if url.query().is_some() || url.fragment().is_some() {
        "?****"
    } else {
        ""
    };
    format!("{}://{login}{host}{port}{path}{more}", url.scheme())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_any_part_of_a_password() {
        for (address, expected) in [
            ("postgres://me:s3cret@db/x", "postgres://me:****@db/x"),
            ("postgres://me@db:5433/x", "postgres://me@db:5433/x"),
            ("postgres://db/x?password=s3cret", "postgres://db/x?****"),
            (
                "postgresql://me:s3%40cret@[::1]:1/x",
                "postgresql://me:****@[::1]:1/x",
            ),
            ("postgres://:s3cret@db/x", "postgres://:****@db/x"),
            (
                "http://w:s3cret@host:7000/prefix",
                "http://w:****@host:7000/prefix",
            ),
            ("http://127.0.0.1:7000", "http://127.0.0.1:7000"),
            ("https://host/#s3cret", "https://host?****"),
        ] {
            assert_eq!(shown(address), expected);
        }
        for address in [
            "postgres://me:s3@cret@db/x",
            "postgres://me:s3/cret@db/x",
            "postgres://me:s3?cret@db/x",
            "postgres://me:s3#cret@db/x",
            "postgres://me:12/s3cret@db/x",
            "postgres://me:12?s3cret@db/x",
            "postgres://me:12#s3cret@db/x",
            "postgres://me:s3 cret@db/x",
            "postgres://me:s3\\cret@db/x",
            "postgres://me:s3[cret@db/x",
            "postgres:me:s3cret@db/x",
            "me:s3cret@db/x",
            "s3cret",
            "",
        ] {
            let shown = shown(address);
            assert!(!shown.contains("s3") && !shown.contains("cret"), "{shown}");
            assert!(!shown.contains("12"), "{shown}");
        }
    }
}
