//! An append-only event log with proofs, sealed personal data and a vault, on SQLite and PostgreSQL.
