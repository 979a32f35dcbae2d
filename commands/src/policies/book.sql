-- How far the log was folded.
create table folded (
    one integer primary key check (one = 1),
    position integer not null
) strict;
insert into folded values (1, 0);

-- Exchanges in which one party has reported completion and the other has not (H44).
create table reported (
    exchange text primary key,
    silent text not null,
    reported_at integer not null,
    reminded integer not null default 0,
    position integer not null,
    event text not null,
    correlation text
) strict;
create index reported_by_time on reported (reported_at);

-- Open posts by author, and open exchanges by party: what ends when the member leaves (H01).
create table held (
    member text not null,
    stream text not null,
    primary key (member, stream)
) strict, without rowid;
create index held_by_stream on held (stream);

-- Members who have left (H01), and whether their tokens and password are gone.
create table departed (
    member text primary key,
    locked_out integer not null default 0,
    position integer not null,
    event text not null,
    correlation text
) strict;

-- Erasures of which nobody has said yet that their keys are destroyed.
create table erasing (
    event text primary key,
    member text not null,
    position integer not null,
    correlation text
) strict;

-- What was not erased with a member because it has to be kept, and until when.
create table kept (
    member text primary key,
    until integer not null,
    position integer not null,
    event text not null,
    correlation text
) strict;

-- Duties that have failed, each left alone until its time: they hide no other.
create table parked (
    -- What it is: the key of its command, which never changes.
    key text primary key,
    -- The kind of duty, and the row it comes from.
    kind text not null,
    target text not null,
    policy text not null,
    member text not null,
    position integer not null,
    since integer not null,
    again_at integer not null,
    tries integer not null,
    reason text not null
) strict, without rowid;
create index parked_by_row on parked (kind, target, again_at);

-- Events that could not be read: what follows from them is not known.
create table unreadable (
    position integer primary key,
    event_type text not null,
    reason text not null
) strict;
