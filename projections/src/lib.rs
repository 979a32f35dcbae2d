//! The views: built from the log, thrown away and rebuilt.
