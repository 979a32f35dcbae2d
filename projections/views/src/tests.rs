//! What the views promise, in sentences of the product, and what runs them, whatever goes wrong.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod bisect;
mod blocks;
mod board;
mod broken;
mod changes;
mod control;
mod crash;
mod damage;
mod diff;
mod erasure;
mod erasures;
mod history;
mod kept;
mod parking;
mod past;
mod people;
mod poison;
mod rebuild;
mod redaction;
mod regrowth;
mod rooms;
mod run;
mod search;
mod snapshot;
mod table;
mod verify;
mod withdrawn;
