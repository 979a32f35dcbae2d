//! What is put into an index, and where it stands there.

use tantivy::TantivyDocument;
use tantivy::schema::{
    BytesOptions, FAST, Field, IndexRecordOption, NumericOptions, Schema, TextFieldIndexing,
    TextOptions,
};
use uuid::Uuid;

use crate::analyzer::{Analyzer, Normalised, Word, bigrams, fold, normalise};
use crate::place::{Place, cells};

/// Separates the terms of a field; no term contains it.
pub(crate) const SEPARATOR: char = '\u{1}';
/// Separates the parts of a term of the field of forms.
pub(crate) const PART: char = '\u{0}';
/// Name of the tokenizer that cuts at [`SEPARATOR`].
pub(crate) const TOKENIZER: &str = "terms";
/// How often a word of the title and of the tags counts for one of the body.
const TITLE_WEIGHT: usize = 3;
const TAGS_WEIGHT: usize = 2;

/// A thing that can be found. Codes are the caller's: small numbers for a closed list.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Its identity: another document with the same one replaces it.
    pub id: Uuid,
    /// What it is, as a Need or an Offer.
    pub kind: u8,
    /// What it is about.
    pub category: u8,
    /// Where (JIS X 0401: 1 to 47).
    pub prefecture: Option<u8>,
    /// City, ward, town or village, as it is filtered by.
    pub city: Option<String>,
    /// It can be done from afar.
    pub online: bool,
    /// It can be done on the spot.
    pub offline: bool,
    /// Nothing is asked in return.
    pub no_return_needed: bool,
    /// Whose it is.
    pub author: Uuid,
    /// Its place in the order of all: the larger, the newer. No two documents share one.
    pub posted: u64,
    /// When it was posted, in milliseconds since 1970.
    pub posted_at: i64,
    /// Where it is, in degrees north and east.
    pub place: Option<(f64, f64)>,
    /// One line.
    pub title: String,
    /// The whole of it.
    pub body: String,
    /// Words that the author gave.
    pub tags: Vec<String>,
    /// The hash of the row that this was made of; see [`crate::Searcher::documents`].
    pub row: u64,
}

/// What a filter sees of a document, packed into one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Codes(pub(crate) u64);

impl Codes {
    /// The bits after the bytes of kind, category and prefecture.
    pub(crate) const ONLINE: u32 = 24;
    pub(crate) const OFFLINE: u32 = 25;
    pub(crate) const NO_RETURN_NEEDED: u32 = 26;

    fn of(document: &Document) -> Self {
        let flag = |set: bool, bit: u32| u64::from(set) << bit;
        Self(
            u64::from(document.kind)
                | u64::from(document.category) << 8
                | u64::from(document.prefecture.unwrap_or_default()) << 16
                | flag(document.online, Self::ONLINE)
                | flag(document.offline, Self::OFFLINE)
                | flag(document.no_return_needed, Self::NO_RETURN_NEEDED),
        )
    }

    fn byte(self, at: u32) -> u8 {
        (self.0 >> at).to_le_bytes()[0]
    }

    pub(crate) fn kind(self) -> u8 {
        self.byte(0)
    }

    pub(crate) fn category(self) -> u8 {
        self.byte(8)
    }

    /// 0: none.
    pub(crate) fn prefecture(self) -> u8 {
        self.byte(16)
    }

    pub(crate) fn online(self) -> bool {
        self.flag(Self::ONLINE)
    }

    pub(crate) fn offline(self) -> bool {
        self.flag(Self::OFFLINE)
    }

    pub(crate) fn no_return_needed(self) -> bool {
        self.flag(Self::NO_RETURN_NEEDED)
    }

    fn flag(self, bit: u32) -> bool {
        self.0 >> bit & 1 == 1
    }
}

/// The columns and lists of an index. None of them holds a text that could be read back whole.
#[derive(Debug, Clone)]
pub(crate) struct Fields {
    pub(crate) schema: Schema,
    /// The identity, to delete by.
    pub(crate) id: Field,
    /// Forms of words; how often they stand there counts.
    pub(crate) words: Field,
    /// `reading 0 form 0 shown`: what a reading may mean, and what may be suggested.
    pub(crate) forms: Field,
    /// Pairs of characters.
    pub(crate) bigrams: Field,
    /// Whole tags.
    pub(crate) tags: Field,
    /// Cells of the map.
    pub(crate) cells: Field,
    numbers: [Field; COLUMNS.len()],
}

/// The columns of numbers, in the order in which they are filled.
pub(crate) const COLUMNS: [&str; 9] = [
    "id_high",
    "id_low",
    "row",
    "posted",
    "posted_at",
    "codes",
    "city",
    "author",
    "place",
];

impl Fields {
    pub(crate) fn new() -> Self {
        let mut builder = Schema::builder();
        let list = |record: IndexRecordOption, norms: bool| {
            let indexing = TextFieldIndexing::default()
                .set_tokenizer(TOKENIZER)
                .set_index_option(record)
                .set_fieldnorms(norms);
            TextOptions::default().set_indexing_options(indexing)
        };
        let id = builder.add_bytes_field("id", BytesOptions::default().set_indexed());
        let words = builder.add_text_field("words", list(IndexRecordOption::WithFreqs, true));
        let basic = || list(IndexRecordOption::Basic, false);
        let forms = builder.add_text_field("forms", basic());
        let positions = list(IndexRecordOption::WithFreqsAndPositions, false);
        let bigrams = builder.add_text_field("bigrams", positions);
        let tags = builder.add_text_field("tags", basic());
        let cells = builder.add_text_field("cells", basic());
        let column = || NumericOptions::default() | FAST;
        let numbers = COLUMNS.map(|name| builder.add_u64_field(name, column()));
        Self {
            schema: builder.build(),
            id,
            words,
            forms,
            bigrams,
            tags,
            cells,
            numbers,
        }
    }

    /// What is written for a document.
    pub(crate) fn indexed(&self, document: &Document, analyzer: &Analyzer) -> TantivyDocument {
        let mut lists = Lists::default();
        lists.add(analyzer, &document.title, TITLE_WEIGHT);
        for tag in &document.tags {
            lists.add(analyzer, tag, TAGS_WEIGHT);
        }
        lists.add(analyzer, &document.body, 1);
        let mut indexed = TantivyDocument::default();
        indexed.add_bytes(self.id, document.id.as_bytes());
        indexed.add_text(self.words, lists.words);
        indexed.add_text(self.forms, lists.forms);
        indexed.add_text(self.bigrams, lists.bigrams);
        let tags: Vec<_> = document.tags.iter().map(|tag| tag_term(tag)).collect();
        indexed.add_text(self.tags, tags.join(&SEPARATOR.to_string()));
        if let Some(place) = document.place {
            indexed.add_text(self.cells, cells(place).join(&SEPARATOR.to_string()));
        }
        let (id_high, id_low) = document.id.as_u64_pair();
        let city = document.city.as_deref().map_or(0, name_code);
        let values = [
            id_high,
            id_low,
            document.row,
            document.posted,
            time_code(document.posted_at),
            Codes::of(document).0,
            city,
            author_code(document.author),
            Place::pack(document.place),
        ];
        for (field, value) in self.numbers.iter().zip(values) {
            indexed.add_u64(*field, value);
        }
        indexed
    }
}

/// The terms of the lists, separated by [`SEPARATOR`].
#[derive(Default)]
struct Lists {
    words: String,
    forms: String,
    bigrams: String,
}

impl Lists {
    fn add(&mut self, analyzer: &Analyzer, text: &str, weight: usize) {
        let normalised = normalise(text);
        let words = analyzer.words(&normalised);
        for term in word_terms(&words) {
            for _ in 0..weight {
                push(&mut self.words, &[&term]);
            }
        }
        for word in &words {
            self.add_forms(word);
        }
        self.add_bigrams(&normalised);
    }

    fn add_forms(&mut self, word: &Word) {
        let shown = word.shown.as_deref();
        // A single kanji that is no noun of its own (市 of 京都市) reads too much like others.
        let suffix = shown.is_none() && word.is_one_kanji();
        let readable = word.reading.as_deref().filter(|_| !suffix);
        let by_form = shown.is_some().then_some(word.form.as_str());
        let by_reading = readable.filter(|reading| Some(*reading) != by_form);
        for key in [by_form, by_reading].into_iter().flatten() {
            let part = PART.to_string();
            match shown {
                Some(shown) => push(&mut self.forms, &[key, &part, &word.form, &part, shown]),
                None => push(&mut self.forms, &[key, &part, &word.form]),
            }
        }
    }

    fn add_bigrams(&mut self, text: &Normalised) {
        for pair in bigrams(&text.text) {
            push(&mut self.bigrams, &[&pair]);
        }
    }
}

fn push(list: &mut String, term: &[&str]) {
    if !list.is_empty() {
        list.push(SEPARATOR);
    }
    list.extend(term.iter().copied());
}

/// The terms of some words: their forms, the heads of compounds, and what neighbours are joined to.
fn word_terms(words: &[Word]) -> Vec<String> {
    let mut terms = Vec::with_capacity(words.len() * 2);
    for (at, word) in words.iter().enumerate() {
        terms.push(word.form.clone());
        terms.extend(word.head.map(head_term));
        let next = words.get(at + 1).and_then(|next| word.joined(next));
        terms.extend(next.map(|reading| joined_term(&reading)));
    }
    terms
}

/// The term of compounds that end with a kanji.
pub(crate) fn head_term(head: char) -> String {
    format!("={head}")
}

/// The term of neighbours that read so together.
pub(crate) fn joined_term(reading: &str) -> String {
    format!("+{reading}")
}

/// The one form under which tags, names of cities and parts of words are compared, here and where
/// else something is looked for: those that differ in width, case, kana, or what shows nothing
/// alone are one.
pub fn name_form(name: &str) -> String {
    fold(normalise(name).text.trim())
}

/// The term of a whole tag.
pub(crate) fn tag_term(tag: &str) -> String {
    name_form(tag).replace(SEPARATOR, " ")
}

/// A name as a number; never 0, which is none.
pub(crate) fn name_code(name: &str) -> u64 {
    use sha2::{Digest, Sha256};
    let hash = Sha256::digest(name_form(name).as_bytes());
    let first = hash
        .iter()
        .take(8)
        .fold(0, |code, byte| code << 8 | u64::from(*byte));
    first.max(1)
}

/// An author as a number: the random half of the id.
pub(crate) fn author_code(author: Uuid) -> u64 {
    author.as_u64_pair().1
}

/// A moment in milliseconds as a number of the same order.
pub(crate) fn time_code(at: i64) -> u64 {
    at.cast_unsigned() ^ (1 << 63)
}
