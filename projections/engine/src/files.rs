//! One view as a file: its rows, what they were made of, what proves that, and the folders that
//! such files stand in.

pub mod build_lock;
pub mod certificate;
pub mod changes;
#[cfg(feature = "simulation")]
pub mod commits;
pub mod compare;
pub mod error;
pub mod folder_lock;
pub mod imported_file;
pub mod index;
pub mod inspected_file;
pub mod integrity;
pub mod journal;
pub mod limits;
pub mod mismatch;
pub mod note;
pub mod parked;
pub mod proof;
pub mod rescan;
pub mod schema;
pub mod seal;
pub mod view_dir;
pub mod view_file;
