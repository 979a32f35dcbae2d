//! The write side: load, decide, append, and the policies that follow the log.
