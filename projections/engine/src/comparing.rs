//! Whether a view holds what the log makes of it: against its certificate, against a build from the
//! log, against the version before it.

pub mod bisect;
pub mod certified;
pub mod diff;
pub mod inspect;
pub mod trace;
pub mod verify;
