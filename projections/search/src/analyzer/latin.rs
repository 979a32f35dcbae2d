//! Words in Latin letters and digits: what a hyphen joins is one word, its parts are words, too.

use super::kana::is_latin;
use super::word::Word;

/// Signs that join letters to one word: Wi-Fi, don't, node.js.
const JOINING: [char; 6] = ['-', '\'', '’', '.', '_', '‐'];

/// The words in Latin letters of a normalised text.
pub(super) fn latin_words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut parts: Vec<(usize, usize)> = Vec::new();
    let mut from = 0;
    while let Some(start) = text[from..].find(is_latin).map(|at| from + at) {
        let rest = &text[start..];
        let end = start + rest.find(|it| !is_latin(it)).unwrap_or(rest.len());
        let joined = parts.last().is_some_and(|last| {
            let mut between = text[last.1..start].chars();
            between.next().is_some_and(|it| JOINING.contains(&it)) && between.next().is_none()
        });
        if !joined {
            push(text, &mut parts, &mut words);
        }
        parts.push((start, end));
        from = end;
    }
    push(text, &mut parts, &mut words);
    words
}

/// Pushes what was joined as one word, and each part of it.
fn push(text: &str, parts: &mut Vec<(usize, usize)>, words: &mut Vec<Word>) {
    let (Some(first), Some(last)) = (parts.first(), parts.last()) else {
        return;
    };
    let word = |start: usize, end: usize, form: String, part: bool| Word {
        range: start..end,
        shown: (!part && form.chars().count() > 1).then(|| text[start..end].to_owned()),
        form,
        reading: None,
        known: true,
        head: None,
        part,
    };
    let form = parts
        .iter()
        .map(|&(start, end)| &text[start..end])
        .collect();
    words.push(word(first.0, last.1, form, false));
    if parts.len() > 1 {
        let of_it = parts.iter();
        words.extend(of_it.map(|&(start, end)| word(start, end, text[start..end].into(), true)));
    }
    parts.clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forms(text: &str) -> Vec<String> {
        latin_words(text).into_iter().map(|it| it.form).collect()
    }

    #[test]
    fn what_a_hyphen_joins_is_one_word_with_parts() {
        assert_eq!(forms("wi-fiとwifi"), ["wifi", "wi", "fi", "wifi"]);
        assert_eq!(forms("pc の設定 23区"), ["pc", "23"]);
        assert_eq!(forms("a - b"), ["a", "b"]);
    }
}
