-- The tree over the entries, every 4,096 positions: a shortcut, derived from the entries alone.
create table frontiers (
    position bigint primary key check (position > 0 and position % 4096 = 0),
    frontier bytea not null
);
