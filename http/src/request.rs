//! Conditions a client puts on its request: `If-Match` with stream versions (RFC 9110, 13.1.1).

use axum::extract::OptionalFromRequestParts;
use axum::http::header;
use axum::http::request::Parts;

use crate::{Problem, kinds};

/// `If-Match`: the stream versions of which the client will have one, as `ETag`s said (`"7"`).
/// None of them is a tag that this server never gave, nor a weak one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IfMatch(pub Vec<u64>);

impl IfMatch {
    /// The `ETag` of a stream version.
    pub fn etag(version: u64) -> String {
        format!("\"{version}\"")
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    /// `None` when the header is not sent, or is `*` (any version will do).
    ///
    /// # Errors
    /// 400 for what is neither `*` nor a list of tags.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Problem> {
        let lines: Vec<_> = parts.headers.get_all(header::IF_MATCH).iter().collect();
        // Lines of one name are one list (RFC 9110, 5.3).
        let lines: Vec<_> = lines.iter().map(|line| line.as_bytes()).collect();
        if lines.is_empty() {
            return Ok(None);
        }
        let list = lines.join(&b',');
        if list.trim_ascii() == b"*" {
            return Ok(None);
        }
        match versions(&list) {
            Some(versions) => Ok(Some(Self(versions))),
            None => Err(Problem::new(kinds::BAD_REQUEST).detail(
                "If-Match は \"7\" のような ETag の並びか * で指定してください",
                "If-Match is a list of entity tags such as \"7\", or *",
            )),
        }
    }
}

/// The versions in a list of entity tags; nothing where it is none.
fn versions(list: &[u8]) -> Option<Vec<u64>> {
    let mut versions = Vec::new();
    let (mut rest, mut any) = (list.trim_ascii_start(), false);
    loop {
        // Between two commas there may be nothing (RFC 9110, 5.6.1).
        if let Some(after) = rest.strip_prefix(b",") {
            rest = after.trim_ascii_start();
            continue;
        }
        if rest.is_empty() {
            return any.then_some(versions);
        }
        any = true;
        let (weak, tag) = match rest.strip_prefix(b"W/") {
            Some(tag) => (true, tag),
            None => (false, rest),
        };
        let tag = tag.strip_prefix(b"\"")?;
        let end = tag.iter().position(|byte| *byte == b'"')?;
        let (tag, after) = (tag.get(..end)?, tag.get(end + 1..)?);
        if tag.iter().any(|byte| *byte < 0x21 || *byte == 0x7f) {
            return None;
        }
        versions.extend(version(tag).filter(|_| !weak));
        rest = after.trim_ascii_start();
        if !rest.is_empty() && !rest.starts_with(b",") {
            return None;
        }
    }
}

/// The version that a tag stands for; nothing for a tag that this server never gave.
fn version(tag: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(tag).ok()?;
    let version: u64 = text.parse().ok()?;
    (version.to_string() == text).then_some(version)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use axum::http::Request;

    async fn read(lines: &[&str]) -> Result<Option<Vec<u64>>, u16> {
        let mut request = Request::patch("/");
        for line in lines {
            request = request.header(header::IF_MATCH, *line);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let read =
            <IfMatch as OptionalFromRequestParts<()>>::from_request_parts(&mut parts, &()).await;
        read.map(|found| found.map(|IfMatch(versions)| versions))
            .map_err(|problem| problem.status().as_u16())
    }

    #[tokio::test]
    async fn it_is_a_star_or_a_list_of_tags() {
        assert_eq!(read(&[]).await, Ok(None));
        assert_eq!(read(&["*"]).await, Ok(None));
        assert_eq!(read(&[" * "]).await, Ok(None));
        assert_eq!(read(&["\"4\""]).await, Ok(Some(vec![4])));
        assert_eq!(read(&["\"4\", \"7\""]).await, Ok(Some(vec![4, 7])));
        assert_eq!(read(&[",\"4\",,\"7\" ,"]).await, Ok(Some(vec![4, 7])));
        assert_eq!(read(&["\"4\"", "\"7\""]).await, Ok(Some(vec![4, 7])));
        assert_eq!(read(&["\"a,b\", \"7\""]).await, Ok(Some(vec![7])));
        for broken in [
            "",
            ",",
            "4",
            "\"4",
            "4\"",
            "\"4\" \"5\"",
            "*, \"4\"",
            "\"4\", *",
            "w/\"4\"",
            "'4'",
            "\"4\";",
            "\"4 \"",
        ] {
            assert_eq!(read(&[broken]).await, Err(400), "{broken:?}");
        }
        assert_eq!(read(&["*", "*"]).await, Err(400));
    }

    #[tokio::test]
    async fn a_tag_that_was_never_given_matches_nothing() {
        for never in [
            "\"+4\"",
            "\"-4\"",
            "\"04\"",
            "\"4.0\"",
            "\"\"",
            "W/\"4\"",
            "\"four\"",
            "\"18446744073709551616\"",
            "\"٤\"",
        ] {
            assert_eq!(read(&[never]).await, Ok(Some(vec![])), "{never}");
        }
    }
}
