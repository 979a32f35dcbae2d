//! What the views have to hold: the shortest way from events to rows, which knows nothing of files.

use std::collections::BTreeMap;

use meguri_log::{Frontier, Header, Position, Recorded, Root};
use serde_json::Value;
use uuid::Uuid;

/// The views that are run: pairs that come and go, rows that change and are erased, and a row for
/// each event.
pub(super) const VIEWS: [&str; 3] = ["blocks", "profiles", "thanks"];

/// What was typed and sealed, and which keys are destroyed: what only the world knows.
#[derive(Debug, Default)]
pub(super) struct Typed {
    texts: BTreeMap<Uuid, Vec<String>>,
    /// The last number of each owner, a member and a class, that is destroyed or about to be.
    destroyed: BTreeMap<(String, String), u32>,
}

impl Typed {
    /// Somebody types this, in the event of this id.
    pub(super) fn type_in(&mut self, event: Uuid, texts: Vec<String>) {
        self.texts.insert(event, texts);
    }

    /// The keys up to this one are about to be destroyed.
    pub(super) fn destroy(&mut self, subject: &str, class: &str, last: u32) {
        let known = self.destroyed.entry((subject.into(), class.into()));
        let known = known.or_default();
        *known = last.max(*known);
    }

    /// Every text that nobody may find any more, for its keys are destroyed, in a log whose
    /// erasures are these. An event that was asked for and does not stand has never been anywhere.
    pub(super) fn gone(&self, events: &[Recorded]) -> Vec<String> {
        let mut folding = Folding::new(self);
        let mut gone = Vec::new();
        for event in events {
            let Some(Ok(header)) = event.header() else {
                continue;
            };
            let data: Value = serde_json::from_str(header.data).unwrap_or_default();
            folding.erasure(&header, &data);
            let owner = match header.event_type {
                "MemberRegistered" | "NicknameChanged" => (text(&data, "member"), "profile"),
                "ThanksSent" => (text(&data, "from"), "message"),
                _ => continue,
            };
            let words = folding.words(header.id, &owner.0, owner.1);
            gone.extend(words.into_iter().filter_map(|word| match word {
                Word::Leaving(text) => Some(text),
                Word::Known(_) | Word::Erased => None,
            }));
        }
        gone
    }

    fn is_destroyed(&self, subject: &str, class: &str, number: u32) -> bool {
        let last = self.destroyed.get(&(subject.to_owned(), class.to_owned()));
        last.is_some_and(|last| number <= *last)
    }
}

/// A text of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Word {
    /// It is there.
    Known(String),
    /// It is there, or gone, for its key is destroyed and the event that says so is not folded yet.
    Leaving(String),
    /// It is erased.
    Erased,
}

impl Word {
    fn allows(&self, served: Option<&String>) -> bool {
        match self {
            Self::Known(text) => served == Some(text),
            Self::Leaving(text) => served.is_none_or(|served| served == text),
            Self::Erased => served.is_none(),
        }
    }
}

/// A row as it has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) open: String,
    pub(super) words: Vec<Word>,
}

/// A row as it is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) open: String,
    pub(super) words: Vec<Option<String>>,
}

/// The rows of a view, by their keys.
pub(super) type Rows<R> = BTreeMap<String, R>;

/// What the log adds up to at a position.
pub(super) struct Expected {
    pub(super) rows: Rows<Due>,
    pub(super) root: Root,
}

/// Erasures that the log knows of, by their owner: the last key, and whether they are done.
pub(super) type Erasures = BTreeMap<(String, String), (u32, bool)>;

/// What the events up to a position add up to in one view.
pub(super) fn expected(view: &str, events: &[Recorded], at: Position, typed: &Typed) -> Expected {
    let mut frontier = Frontier::default();
    let mut folding = Folding::new(typed);
    for event in events.iter().take_while(|event| event.position() <= at) {
        frontier.push(event.entry());
        if let Some(Ok(header)) = event.header() {
            let data: Value = serde_json::from_str(header.data).unwrap_or_default();
            folding.erasure(&header, &data);
            match view {
                "blocks" => folding.block(event, &header, &data),
                "profiles" => folding.profile(&header, &data),
                _ => folding.thanks(event, &header, &data),
            }
        }
    }
    let root = frontier.root();
    let rows = folding.rows;
    Expected { rows, root }
}

/// The erasures that these events tell of.
pub(super) fn erasures(events: &[Recorded]) -> Erasures {
    let typed = Typed::default();
    let mut folding = Folding::new(&typed);
    for event in events {
        if let Some(Ok(header)) = event.header() {
            let data: Value = serde_json::from_str(header.data).unwrap_or_default();
            folding.erasure(&header, &data);
        }
    }
    folding.erasures
}

/// Where what is served is not what it has to be.
pub(super) fn difference(served: &Rows<Row>, due: &Rows<Due>) -> Option<String> {
    let keys = due.keys().chain(served.keys());
    let differs = |key: &&String| match (served.get(*key), due.get(*key)) {
        (Some(served), Some(due)) => {
            let mut words = due.words.iter().zip(&served.words);
            served.open != due.open || !words.all(|(due, served)| due.allows(served.as_ref()))
        }
        _ => true,
    };
    let key = keys.into_iter().find(differs)?;
    let (served, due) = (served.get(key), due.get(key));
    Some(format!("{key} is {served:?}, and the log says {due:?}"))
}

struct Folding<'a> {
    rows: Rows<Due>,
    /// Of each member, when they registered, and how often they were thanked.
    counts: BTreeMap<String, (i64, u64)>,
    erasures: Erasures,
    typed: &'a Typed,
}

impl<'a> Folding<'a> {
    fn new(typed: &'a Typed) -> Self {
        Self {
            rows: Rows::new(),
            counts: BTreeMap::new(),
            erasures: Erasures::new(),
            typed,
        }
    }

    fn erasure(&mut self, header: &Header<'_>, data: &Value) {
        let is_done = match header.event_type {
            "MemberErased" => false,
            "KeysDestroyed" => true,
            _ => return,
        };
        let member = text(data, "member");
        for keys in data["keys"].as_array().into_iter().flatten() {
            let keys = keys.as_str().and_then(|keys| keys.split_once('/'));
            let (class, last) = keys.unwrap_or_default();
            let owner = (member.clone(), class.to_owned());
            let last = last.parse().unwrap_or_default();
            self.erasures.insert(owner, (last, is_done));
        }
    }

    /// What was typed in this event, under the newest key of its owner.
    fn words(&self, event: Uuid, member: &str, class: &str) -> Vec<Word> {
        let erased = self.erasures.get(&(member.to_owned(), class.to_owned()));
        let number = 1 + erased.map_or(0, |(last, _)| *last);
        let texts = self.typed.texts.get(&event).cloned().unwrap_or_default();
        let is_destroyed = self.typed.is_destroyed(member, class, number);
        let word = if is_destroyed {
            Word::Leaving
        } else {
            Word::Known
        };
        texts.into_iter().map(word).collect()
    }

    fn block(&mut self, event: &Recorded, header: &Header<'_>, data: &Value) {
        let pair = format!("{} of {}", text(data, "blocked"), text(data, "by"));
        match header.event_type {
            "MemberBlocked" => {
                let open = event.position().to_string();
                let words = Vec::new();
                self.rows.insert(pair, Due { open, words });
            }
            "MemberUnblocked" => {
                self.rows.remove(&pair);
            }
            _ => {}
        }
    }

    fn profile(&mut self, header: &Header<'_>, data: &Value) {
        let member = text(data, "member");
        let thanked = text(data, "to");
        match header.event_type {
            "MemberRegistered" => {
                let words = self.words(header.id, &member, "profile");
                let count = (header.at.micros(), 0);
                let open = counted(count);
                self.counts.insert(member.clone(), count);
                self.rows.insert(member, Due { open, words });
            }
            "NicknameChanged" => {
                let mut words = self.words(header.id, &member, "profile");
                if let (Some(row), Some(word)) = (self.rows.get_mut(&member), words.pop()) {
                    row.words[1] = word;
                }
            }
            "ThanksSent" => {
                if let (Some(row), Some(count)) =
                    (self.rows.get_mut(&thanked), self.counts.get_mut(&thanked))
                {
                    count.1 += 1;
                    row.open = counted(*count);
                }
            }
            "MemberErased" if erases(data, "profile") => {
                if let Some(row) = self.rows.get_mut(&member) {
                    row.words.fill(Word::Erased);
                }
            }
            _ => {}
        }
    }

    fn thanks(&mut self, event: &Recorded, header: &Header<'_>, data: &Value) {
        match header.event_type {
            "ThanksSent" => {
                let (from, to) = (text(data, "from"), text(data, "to"));
                let words = self.words(header.id, &from, "message");
                let open = format!("{from} to {to}");
                let key = format!("{:08}", event.position().get());
                self.rows.insert(key, Due { open, words });
            }
            "MemberErased" if erases(data, "message") => {
                let by = format!("{} to ", text(data, "member"));
                let rows = self.rows.values_mut();
                for row in rows.filter(|row| row.open.starts_with(&by)) {
                    row.words.fill(Word::Erased);
                }
            }
            _ => {}
        }
    }
}

/// When a member registered, and how often they were thanked.
pub(super) fn counted((since, thanks): (i64, u64)) -> String {
    format!("since {since}, {thanks} thanks")
}

fn erases(data: &Value, class: &str) -> bool {
    let keys = data["keys"].as_array().into_iter().flatten();
    let mut classes = keys.filter_map(|keys| Some(keys.as_str()?.split_once('/')?.0));
    classes.any(|erased| erased == class)
}

fn text(data: &Value, name: &str) -> String {
    data[name].as_str().unwrap_or_default().to_owned()
}
