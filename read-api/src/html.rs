//! A writer of HTML in which only text written in this program can be markup.

/// HTML being written. [`Html::raw`] takes literals only, so that nothing that comes from outside
/// can reach the page unescaped: the compiler refuses it.
#[derive(Debug, Default)]
pub(crate) struct Html(String);

impl Html {
    /// Writes markup as it stands in the source.
    pub(crate) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Writes text, escaped for element content and for quoted attributes.
    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        for character in text.chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                other => self.0.push(other),
            }
        }
        self
    }

    /// Writes a number.
    pub(crate) fn number(&mut self, number: usize) -> &mut Self {
        self.text(&number.to_string())
    }

    /// Writes text in which blank lines part paragraphs and `backquotes` mark code.
    pub(crate) fn prose(&mut self, text: &str) -> &mut Self {
        for paragraph in text.split("\n\n").filter(|part| !part.trim().is_empty()) {
            self.raw("<p>");
            for (index, piece) in paragraph.split('`').enumerate() {
                if index % 2 == 1 {
                    self.raw("<code>").text(piece).raw("</code>");
                } else {
                    self.text(piece);
                }
            }
            self.raw("</p>\n");
        }
        self
    }

    /// Writes an anchor name made of letters, digits and hyphens.
    pub(crate) fn slug(&mut self, text: &str) -> &mut Self {
        for character in text.chars() {
            self.0.push(if character.is_ascii_alphanumeric() {
                character
            } else {
                '-'
            });
        }
        self
    }

    /// The finished page.
    pub(crate) fn finish(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::Html;

    #[test]
    fn text_cannot_become_markup() {
        let mut html = Html::default();
        html.raw("<b title=\"")
            .text("\"><script>&'")
            .raw("\">")
            .prose("a `<i>` b\n\nc");
        assert_eq!(
            html.finish(),
            "<b title=\"&quot;&gt;&lt;script&gt;&amp;&#39;\">\
             <p>a <code>&lt;i&gt;</code> b</p>\n<p>c</p>\n"
        );
    }
}
