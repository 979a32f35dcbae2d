//! Which witnesses cosign checkpoints, as settings write them.

use std::fmt;
use std::str::FromStr;

use meguri_proofs::{BadKey, WitnessKey};
use thiserror::Error;

/// A witness: its key, and where it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessAddress {
    /// The key by which its cosignatures are verified.
    pub key: WitnessKey,
    /// The prefix of its address.
    pub url: String,
}

/// Witnesses, separated by commas, each as `<key> <url>`; every key once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessList(pub Vec<WitnessAddress>);

/// A text lists no witnesses.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WitnessListError {
    /// A key and an address are expected.
    #[error("`{0}` is no witness: `<name>+<key id>+<key> http://…` is expected")]
    Form(String),
    /// The key is none.
    #[error("`{0}`: {1}")]
    Key(String, BadKey),
    /// One key counts once, whatever it is called.
    #[error("the key of {0} is listed twice")]
    Twice(String),
}

impl FromStr for WitnessList {
    type Err = WitnessListError;

    fn from_str(text: &str) -> Result<Self, WitnessListError> {
        let mut list: Vec<WitnessAddress> = Vec::new();
        for one in text.split(',').map(str::trim).filter(|one| !one.is_empty()) {
            let form = || WitnessListError::Form(one.to_owned());
            let (key, url) = one.split_once(' ').ok_or_else(form)?;
            let url = url.trim();
            if !(url.starts_with("http://") || url.starts_with("https://")) {
                return Err(form());
            }
            let key: WitnessKey = key
                .parse()
                .map_err(|bad| WitnessListError::Key(key.to_owned(), bad))?;
            if list.iter().any(|other| other.key.is_same_key(&key)) {
                return Err(WitnessListError::Twice(key.name().to_string()));
            }
            let url = url.to_owned();
            list.push(WitnessAddress { key, url });
        }
        Ok(Self(list))
    }
}

impl fmt::Display for WitnessList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.0.iter().map(|one| format!("{} {}", one.key, one.url));
        f.write_str(&all.collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    const REMORA: &str = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2";

    #[test]
    fn witnesses_are_listed_with_key_and_address_and_each_once() {
        let text = format!("{REMORA} http://127.0.0.1:7000");
        let list: WitnessList = text.parse().unwrap();
        assert_eq!(list.0[0].url, "http://127.0.0.1:7000");
        assert_eq!(list.to_string(), text);
        assert!(matches!(
            format!("{text}, {text}").parse::<WitnessList>(),
            Err(WitnessListError::Twice(_))
        ));
        for bad in [REMORA, "x http://a", &format!("{REMORA} ftp://a")] {
            assert!(bad.parse::<WitnessList>().is_err(), "{bad}");
        }
    }
}
