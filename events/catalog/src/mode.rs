//! How help is given (H13, H14), and which ways a post allows (H15).

use serde::{Deserialize, Serialize};

codes! {
    /// How help is given.
    pub enum Mode {
        /// By files, mail or calls, without meeting (H13).
        Online = "online", "オンライン", "Online";
        /// Offline, by sending things (H14).
        ByPost = "by_post", "郵送", "By post";
        /// Offline, by meeting (H14).
        InPerson = "in_person", "対面", "In person";
    }
}

/// The modes a post allows. Offline stands for both by post and in person (H15).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Modes {
    /// Whether [`Mode::Online`] is allowed.
    pub online: bool,
    /// Whether [`Mode::ByPost`] and [`Mode::InPerson`] are allowed.
    pub offline: bool,
}

impl Modes {
    /// Whether help may be given in this mode (H15).
    pub const fn allow(self, mode: Mode) -> bool {
        match mode {
            Mode::Online => self.online,
            Mode::ByPost | Mode::InPerson => self.offline,
        }
    }
}

crate::open::open_as_serde!(Modes, "{online: true|false, offline: true|false}");
