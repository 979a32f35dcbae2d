-- What a view was built from: written in the transaction that writes its rows.
create table certificate (
    only integer primary key check (only = 1),
    -- The view and what its rows depend on beside the events.
    view text not null,
    fingerprint text not null,
    -- Every event up to here was consumed, and nothing else: the frontier of their tree.
    position integer not null,
    frontier blob not null,
    -- Whether it was built to its end: before that it has no indexes and cannot be read.
    built integer not null
) strict;

-- The content digest of each table.
create table content (
    table_name text primary key,
    rows integer not null,
    sum blob not null
) strict, without rowid;
