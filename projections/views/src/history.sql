-- Everything that happened in an exchange, one row an event; a row is never changed.
create table event (
    position integer primary key,
    exchange text not null,
    version integer not null,
    event_type text not null,
    id text not null,
    at integer not null,
    actor text not null,
    acting_for text,
    correlation text,
    causation text,
    policy integer,
    -- The open data, as it stands in the log.
    data text not null
) strict;
create index event_by_exchange on event (exchange, position);

create table party (
    exchange text primary key,
    opener text not null,
    asked text not null
) strict, without rowid;
