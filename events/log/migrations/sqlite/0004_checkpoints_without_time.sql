-- When a checkpoint was published stood beside what is signed, and nothing could tell whether it was
-- true. When its events were appended is in their headers.
alter table checkpoints drop column published_at;
