//! The engine of the views: it folds a log into files that can be proven, whatever the facts are
//! and whatever the views make of them.
//!
//! Its folders import each other in this order only: [`folding`] (what a view is, and how events
//! become rows), [`files`] (one view as a file, and what proves it), [`running`] (what keeps files
//! up to date), [`past`], then [`views`], the handle of all of them, and what is asked of it.

pub(crate) mod comparing;
pub mod control;
pub(crate) mod erasures;
pub(crate) mod files;
pub(crate) mod folding;
pub(crate) mod past;
pub(crate) mod prepare;
pub(crate) mod reading;
pub(crate) mod running;
pub(crate) mod set;
pub(crate) mod settings;
pub(crate) mod snapshot;
pub(crate) mod views;
