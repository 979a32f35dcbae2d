-- The tree over the entries, every 4,096 positions: a shortcut, derived from the entries alone.
create table frontiers (
    position integer primary key check (position > 0 and position % 4096 = 0),
    frontier blob not null
);
