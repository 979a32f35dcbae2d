//! What a view does about an event that it cannot fold.

use std::fmt;
use std::str::FromStr;

/// What a view does when it meets an event that it cannot fold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnPoison {
    /// It stops before the event, until somebody has mended it.
    Stop,
    /// It goes on without the stream of the event, and says so.
    Park,
}

impl From<OnPoison> for meguri_engine::OnPoison {
    fn from(setting: OnPoison) -> Self {
        match setting {
            OnPoison::Stop => Self::Stop,
            OnPoison::Park => Self::ParkStream,
        }
    }
}

impl FromStr for OnPoison {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "stop" => Ok(Self::Stop),
            "park" => Ok(Self::Park),
            other => Err(format!("`{other}` is neither `stop` nor `park`")),
        }
    }
}

impl fmt::Display for OnPoison {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Stop => "stop",
            Self::Park => "park",
        })
    }
}
