//! The routes that read.
