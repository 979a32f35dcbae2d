//! Whether a view holds what the log makes of it: against its certificate, against a build from the
//! log, against the version before it.

pub(crate) mod bisect;
pub(crate) mod certified;
pub(crate) mod diff;
pub(crate) mod inspect;
pub(crate) mod trace;
pub(crate) mod verify;
