//! Parts of speech, as IPADIC names them: which words are looked for, and in which form.

use super::kana::{fold, is_all_kana, is_kana, is_kanji, noun_ending};

/// Verbs and adjectives that say nothing of what a text is about.
const LIGHT: [&str; 24] = [
    "する",
    "なる",
    "ある",
    "いる",
    "できる",
    "くれる",
    "もらう",
    "いただく",
    "くださる",
    "下さる",
    "やる",
    "いく",
    "くる",
    "みる",
    "おる",
    "ない",
    "よい",
    "いい",
    "ほしい",
    "欲しい",
    "いたす",
    "致す",
    "ござる",
    "頂く",
];

/// Suffixes that say as little.
const EMPTY_SUFFIXES: [&str; 10] = [
    "たち",
    "ども",
    "がた",
    "ごと",
    "ずつ",
    "おき",
    "つき",
    "ぶり",
    "さん",
    "ちゃん",
];

/// What a dictionary says of a word.
pub(super) struct Details<'a> {
    pub(super) surface: &'a str,
    pub(super) part: &'a str,
    pub(super) kind: &'a str,
    pub(super) detail: &'a str,
    pub(super) conjugation: &'a str,
    pub(super) base: &'a str,
    pub(super) reading: &'a str,
}

/// What is looked for of a word that is worth it.
pub(super) struct Content {
    pub(super) form: String,
    pub(super) reading: Option<String>,
    pub(super) shown: Option<String>,
    pub(super) head: Option<char>,
}

impl Content {
    /// お手伝い is 手伝い; お茶 stays, for one kanji says too little.
    fn drop_politeness(&mut self) {
        let Some(plain) = self.form.strip_prefix(['お', 'ご']).map(ToOwned::to_owned) else {
            return;
        };
        let mut rest = plain.chars();
        if rest.next().is_some_and(is_kanji) && rest.next().is_some() {
            let read = self
                .reading
                .as_deref()
                .and_then(|it| it.strip_prefix(['お', 'ご']));
            self.reading = read.map(ToOwned::to_owned);
            self.shown = self.shown.as_ref().map(|_| plain.clone());
            self.form = plain;
        }
    }
}

impl Details<'_> {
    /// What is looked for of this word; `None`: it says nothing of what a text is about.
    pub(super) fn content(&self) -> Option<Content> {
        match self.part {
            "名詞" => self.noun(),
            "動詞" | "形容詞" if self.kind == "自立" => self.inflected(),
            // お and ご are dropped, 英 of 英会話 is not.
            "接頭詞" if !is_all_kana(self.surface) => Some(self.as_it_stands(false)),
            "副詞" => Some(self.as_it_stands(false)),
            _ => None,
        }
    }

    fn noun(&self) -> Option<Content> {
        let empty = matches!(self.kind, "非自立" | "代名詞" | "特殊");
        let suffix = self.kind == "接尾";
        if empty || (suffix && !self.is_content_suffix()) {
            return None;
        }
        let mut content = self.as_it_stands(!suffix && self.kind != "数");
        content.drop_politeness();
        let kanji = self.surface.chars().all(is_kanji);
        if kanji && !suffix && !matches!(self.kind, "固有名詞" | "副詞可能" | "数") {
            let last = self.surface.chars().next_back();
            content.head = last.filter(|_| self.surface.chars().count() > 1);
        }
        Some(content)
    }

    /// さん and たち are dropped; 市, 犬 and もれ (of 水もれ) are not.
    fn is_content_suffix(&self) -> bool {
        if !is_all_kana(self.surface) {
            return true;
        }
        let several = self.surface.chars().nth(1).is_some();
        several && self.detail == "一般" && !EMPTY_SUFFIXES.contains(&self.surface)
    }

    fn as_it_stands(&self, shown: bool) -> Content {
        let several = self.surface.chars().nth(1).is_some();
        let one_kanji = self.surface.chars().all(is_kanji);
        Content {
            form: fold(self.surface),
            reading: self.whole_reading(),
            shown: (shown && (several || one_kanji)).then(|| self.surface.to_owned()),
            head: None,
        }
    }

    fn whole_reading(&self) -> Option<String> {
        if is_all_kana(self.surface) {
            return Some(fold(self.surface));
        }
        let known = !self.reading.is_empty() && self.reading.chars().all(is_kana);
        known.then(|| fold(self.reading))
    }

    /// Verbs are looked for by the noun that is made of them, so that 手伝って, 手伝います and
    /// お手伝い are one word.
    fn inflected(&self) -> Option<Content> {
        if LIGHT.contains(&self.base) {
            return None;
        }
        Some(Content {
            form: fold(&self.noun_form(self.base)),
            reading: self.base_reading().map(|it| fold(&self.noun_form(&it))),
            shown: None,
            head: None,
        })
    }

    /// The noun made of a verb: 手伝う, 手伝い; 片付ける, 片付け. One character says too little: 見る
    /// stays.
    fn noun_form(&self, plain: &str) -> String {
        let mut stem: String = plain.to_owned();
        let Some(last) = stem.pop() else {
            return stem;
        };
        if self.conjugation.starts_with("五段") {
            match noun_ending(last) {
                Some(ending) => stem.push(ending),
                None => return plain.to_owned(),
            }
        } else if !self.conjugation.starts_with("一段") {
            return plain.to_owned();
        }
        let several = stem.chars().nth(1).is_some();
        if several { stem } else { plain.to_owned() }
    }

    /// The reading of the plain form: what follows the common beginning is kana, and is exchanged.
    fn base_reading(&self) -> Option<String> {
        if is_all_kana(self.base) {
            return Some(fold(self.base));
        }
        let pairs = self.surface.chars().zip(self.base.chars());
        let common = pairs.take_while(|(surface, base)| surface == base).count();
        let mut endings = self.surface.chars().skip(common);
        let ending: String = self.base.chars().skip(common).collect();
        let kana = endings.clone().all(is_kana) && ending.chars().all(is_kana);
        let dropped = endings.by_ref().count();
        let read = self.reading.chars().count().checked_sub(dropped)?;
        let stem: String = self.reading.chars().take(read).collect();
        let known = kana && !stem.is_empty() && stem.chars().all(is_kana);
        known.then(|| fold(&stem) + &ending)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verb(surface: &str, base: &str, conjugation: &str, reading: &str) -> (String, String) {
        let content = Details {
            surface,
            part: "動詞",
            kind: "自立",
            detail: "*",
            conjugation,
            base,
            reading,
        }
        .content()
        .unwrap();
        (content.form, content.reading.unwrap())
    }

    #[test]
    fn a_verb_is_found_by_the_noun_made_of_it() {
        let read = |form: &str, reading: &str| (form.to_owned(), reading.to_owned());
        let helped = verb("手伝っ", "手伝う", "五段・ワ行促音便", "テツダッ");
        assert_eq!(helped, read("手伝い", "てつだい"));
        let tidied = verb("片づけ", "片づける", "一段", "カタヅケ");
        assert_eq!(tidied, read("片づけ", "かたづけ"));
        assert_eq!(verb("見", "見る", "一段", "ミ"), read("見る", "みる"));
    }

    #[test]
    fn light_verbs_say_nothing() {
        let light = Details {
            surface: "し",
            part: "動詞",
            kind: "自立",
            detail: "*",
            conjugation: "サ変・スル",
            base: "する",
            reading: "シ",
        };
        assert!(light.content().is_none());
    }

    #[test]
    fn a_compound_has_a_head_and_a_name_has_none() {
        let head = |surface, kind| {
            let details = Details {
                surface,
                part: "名詞",
                kind,
                detail: "一般",
                conjugation: "*",
                base: surface,
                reading: "*",
            };
            details.content().unwrap().head
        };
        assert_eq!(head("絵本", "一般"), Some('本'));
        assert_eq!(head("日本", "固有名詞"), None);
        assert_eq!(head("本", "一般"), None);
    }
}
