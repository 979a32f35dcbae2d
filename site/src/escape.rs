//! How text becomes part of a page: never as markup.

use std::fmt;

use askama::filters::Escaper;

/// Escapes for element content and for quoted attributes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Html;

impl Escaper for Html {
    fn write_escaped_str<W: fmt::Write>(&self, mut dest: W, string: &str) -> fmt::Result {
        string.chars().try_for_each(|character| match character {
            '&' => dest.write_str("&amp;"),
            '<' => dest.write_str("&lt;"),
            '>' => dest.write_str("&gt;"),
            '"' => dest.write_str("&quot;"),
            '\'' => dest.write_str("&#39;"),
            other => dest.write_char(other),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use askama::Template;

    #[derive(Template)]
    #[template(source = "<b title=\"{{ text }}\">{{ text }}", ext = "html")]
    struct Page<'a> {
        text: &'a str,
    }

    #[test]
    fn text_cannot_become_markup() {
        let text = "\"><script>&'";
        let escaped = "&quot;&gt;&lt;script&gt;&amp;&#39;";
        let page = Page { text }.render().unwrap();
        assert_eq!(page, format!("<b title=\"{escaped}\">{escaped}"));
    }
}
