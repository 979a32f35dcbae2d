//! One view as a file: its rows, what they were made of, what proves that, and the folders that
//! such files stand in.

pub(crate) mod build_lock;
pub(crate) mod certificate;
pub(crate) mod changes;
#[cfg(feature = "simulation")]
pub(crate) mod commits;
pub(crate) mod compare;
pub(crate) mod error;
pub(crate) mod folder_lock;
pub(crate) mod imported_file;
pub(crate) mod index;
pub(crate) mod inspected_file;
pub(crate) mod integrity;
pub(crate) mod journal;
pub(crate) mod limits;
pub(crate) mod mismatch;
pub(crate) mod note;
pub(crate) mod parked;
pub(crate) mod proof;
pub(crate) mod rescan;
pub(crate) mod schema;
pub(crate) mod seal;
pub(crate) mod view_dir;
pub(crate) mod view_file;
