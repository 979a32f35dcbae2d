//! What both sides of HTTP share: problem details, JSON, who is asking, idempotency.
