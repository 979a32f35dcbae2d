//! The whole log as an auditor reads it, and what must be true of any log.

use crate::support::api::Api;
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, HashSet};

/// What the log tells an auditor of one event.
#[derive(Debug, Deserialize)]
pub(crate) struct Entry {
    pub(crate) position: u64,
    pub(crate) header: Header,
}

impl Entry {
    /// The id in its stream's name, and its version there.
    pub(crate) fn place(&self) -> (&str, u64) {
        let id = self.header.stream.split_once('-').map_or("", |(_, id)| id);
        (id, self.header.version)
    }
}

/// The fields of a header that are looked at here.
#[derive(Debug, Deserialize)]
pub(crate) struct Header {
    pub(crate) id: String,
    pub(crate) stream: String,
    pub(crate) version: u64,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) data: Value,
}

/// The whole log, in order.
#[derive(Debug)]
pub(crate) struct Log(pub(crate) Vec<Entry>);

impl Log {
    /// Reads the log with an auditor's token, and proves that it has no hole and no double.
    pub(crate) async fn read(api: &Api, auditor: &str) -> Self {
        let text = api.text("/api/log?after=0", Some(auditor)).await;
        let entry = |line| serde_json::from_str(line).unwrap_or_else(|it| panic!("{line}: {it}"));
        let log = Self(text.lines().map(entry).collect());
        log.assert_whole();
        log
    }

    /// Position of the last event.
    pub(crate) fn head(&self) -> u64 {
        self.0.last().map_or(0, |entry| entry.position)
    }

    /// The types of the events of each stream of a category such as `exchange`, in order.
    pub(crate) fn streams(&self, category: &str) -> BTreeMap<&str, Vec<&str>> {
        let mut streams: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for Entry { header, .. } in &self.0 {
            let of = header.stream.split_once('-').map(|(category, _)| category);
            if of == Some(category) {
                streams
                    .entry(header.stream.as_str())
                    .or_default()
                    .push(header.kind.as_str());
            }
        }
        streams
    }

    /// Positions are 1, 2, ..., so are the versions of every stream, and no event is there twice.
    fn assert_whole(&self) {
        let mut versions: BTreeMap<&str, u64> = BTreeMap::new();
        let mut ids = HashSet::new();
        for (Entry { position, header }, expected) in self.0.iter().zip(1..) {
            assert_eq!(
                *position, expected,
                "positions are 1, 2, ... without a hole"
            );
            let version = versions.entry(&header.stream).or_default();
            *version += 1;
            assert_eq!(
                header.version, *version,
                "the versions of {}",
                header.stream
            );
            assert!(ids.insert(&header.id), "event {} is there twice", header.id);
        }
    }
}
