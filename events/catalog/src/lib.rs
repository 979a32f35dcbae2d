//! The facts of a mutual-help exchange: every event, its versions and what of it is sealed.
