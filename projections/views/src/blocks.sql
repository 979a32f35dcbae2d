-- Who blocks whom; a row is gone when the block is taken back. There is nothing that anybody typed.
create table blocked (
    blocker text not null,
    blocked text not null,
    since   integer not null,
    at      integer not null,
    primary key (blocker, blocked)
) strict, without rowid;
create index blocked_newest_first on blocked (blocker, since);
create index blocked_by_others on blocked (blocked);
