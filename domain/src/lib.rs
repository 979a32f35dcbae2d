//! The rules of mutual help as pure deciders.
