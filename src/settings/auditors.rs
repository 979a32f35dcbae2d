//! What auditors may have opened over HTTP.

use std::fmt;
use std::str::FromStr;

/// What is opened for auditors who take away evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditorDiscloses {
    /// No sealed text, as on the audit pages.
    Nothing,
    /// What they give a reason for, which the log says first.
    Everything,
}

impl FromStr for AuditorDiscloses {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "nothing" => Ok(Self::Nothing),
            "everything" => Ok(Self::Everything),
            other => Err(format!("`{other}` is neither `nothing` nor `everything`")),
        }
    }
}

impl fmt::Display for AuditorDiscloses {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Nothing => "nothing",
            Self::Everything => "everything",
        })
    }
}
