//! The tokenizer of lists of terms that are cut already.

use tantivy::tokenizer::{Token, TokenStream, Tokenizer};

use crate::document::SEPARATOR;

/// Cuts at separators: text is analysed once for all fields, before tantivy sees it.
#[derive(Clone, Default)]
pub(crate) struct Terms {
    token: Token,
}

pub(crate) struct TermStream<'a> {
    rest: &'a str,
    token: &'a mut Token,
}

impl Tokenizer for Terms {
    type TokenStream<'a> = TermStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> TermStream<'a> {
        self.token.reset();
        TermStream {
            rest: text,
            token: &mut self.token,
        }
    }
}

impl TokenStream for TermStream<'_> {
    fn advance(&mut self) -> bool {
        if self.rest.is_empty() {
            return false;
        }
        let (term, rest) = self.rest.split_once(SEPARATOR).unwrap_or((self.rest, ""));
        self.token.position = self.token.position.wrapping_add(1);
        self.token.text.clear();
        self.token.text.push_str(term);
        self.rest = rest;
        true
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}
