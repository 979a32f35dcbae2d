//! Which witnesses cosign checkpoints, as settings write them.

use std::fmt;
use std::str::FromStr;

use meguri_proofs::{BadKey, WitnessKey};
use thiserror::Error;

use super::shown::shown;

/// A witness: its key, and where it is asked. A password in its address is never shown.
#[derive(Clone, PartialEq, Eq)]
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
    #[error("number {0} is no witness: `<name>+<key id>+<key> http://…` is expected")]
    Form(usize),
    /// The key is none.
    #[error("the key of number {0}: {1}")]
    Key(usize, BadKey),
    /// One key counts once, whatever it is called.
    #[error("the key of {0} is listed twice")]
    Twice(String),
}

impl FromStr for WitnessList {
    type Err = WitnessListError;

    fn from_str(text: &str) -> Result<Self, WitnessListError> {
        let mut list: Vec<WitnessAddress> = Vec::new();
        let all = text.split(',').map(str::trim).filter(|one| !one.is_empty());
        for (one, number) in all.zip(1..) {
            let form = || WitnessListError::Form(number);
            let (key, url) = one.split_once(' ').ok_or_else(form)?;
            let url = url.trim();
            if !(url.starts_with("http://") || url.starts_with("https://")) {
                return Err(form());
            }
            let key: WitnessKey = key
                .parse()
                .map_err(|bad| WitnessListError::Key(number, bad))?;
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
        let all = self.0.iter().map(ToString::to_string);
        f.write_str(&all.collect::<Vec<_>>().join(", "))
    }
}

impl fmt::Display for WitnessAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.key, shown(&self.url))
    }
}

impl fmt::Debug for WitnessAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
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

    #[test]
    fn a_password_in_an_address_is_shown_nowhere() {
        let text = format!("{REMORA} http://me:s3cret@127.0.0.1:7000");
        let list: WitnessList = text.parse().unwrap();
        assert_eq!(list.0[0].url, "http://me:s3cret@127.0.0.1:7000");
        let said = format!("{list} {list:?}");
        assert!(said.contains("http://me:****@127.0.0.1:7000"), "{said}");
        assert!(!said.contains("s3cret"), "{said}");
        for bad in [
            "http://me:s3cret@host",
            "http://me:s3cret@host x",
            "x ftp://me:s3cret@host",
        ] {
            let said = bad.parse::<WitnessList>().unwrap_err().to_string();
            assert!(!said.contains("s3cret"), "{said}");
        }
    }
}
