//! The URL of a database, which hides its password wherever it is shown.

use std::fmt;
use std::str::FromStr;

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
        let (scheme, rest) = self.0.split_once("://").unwrap_or(("postgres", &self.0));
        let (address, has_query) = rest
            .split_once('?')
            .map_or((rest, false), |(address, _)| (address, true));
        match address.rsplit_once('@') {
            Some((login, host)) => {
                let user = login.split(':').next().unwrap_or_default();
                let secret = if login.contains(':') { ":****" } else { "" };
                write!(out, "{scheme}://{user}{secret}@{host}")?;
            }
            None => write!(out, "{scheme}://{address}")?,
        }
        // A password may also stand among the parameters.
        out.write_str(if has_query { "?****" } else { "" })
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

    fn shown(text: &str) -> String {
        text.parse::<DatabaseUrl>().unwrap().to_string()
    }

    #[test]
    fn a_password_is_never_shown() {
        assert_eq!(
            shown("postgres://me:s3cr@t@db/x"),
            "postgres://me:****@db/x"
        );
        assert_eq!(shown("postgres://me@db:5433/x"), "postgres://me@db:5433/x");
        assert_eq!(
            shown("postgres://db/x?password=s3cret"),
            "postgres://db/x?****"
        );
        let url: DatabaseUrl = "postgres://me:s3cret@db/x".parse().unwrap();
        assert!(!format!("{url:?}").contains("s3cret"));
        assert_eq!(url.reveal(), "postgres://me:s3cret@db/x");
    }

    #[test]
    fn another_database_is_refused() {
        assert!("mysql://db/x".parse::<DatabaseUrl>().is_err());
    }
}
