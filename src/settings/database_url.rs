//! The URL of a database, which hides its password wherever it is shown.

use std::fmt;
use std::str::FromStr;

use super::shown::shown;

/// The URL of a database. Its password is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// The URL with its password, to connect with.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl FromStr for DatabaseUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            Ok(Self(text.to_owned()))
        } else {
            Err("it has to begin with postgres:// (without it, SQLite files are used)".to_owned())
        }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&shown(&self.0))
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        let url: DatabaseUrl = "postgres://me:s3cret@db/x".parse().unwrap();
        assert_eq!(url.to_string(), "postgres://me:****@db/x");
        assert!(!format!("{url:?}").contains("s3cret"));
        assert_eq!(url.reveal(), "postgres://me:s3cret@db/x");
    }

    #[test]
    fn another_database_is_refused() {
        assert!("mysql://db/x".parse::<DatabaseUrl>().is_err());
    }
}
