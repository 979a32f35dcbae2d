-- How far the log was folded.
create table folded (
    one integer primary key check (one = 1),
    position integer not null
) strict;
insert into folded values (1, 0);

-- Duties that have failed, each left alone until its time: they hide no other.
create table parked (
    -- What it is: the key of its command, which never changes.
    key text primary key,
    -- What is to be done, to what.
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
create index parked_by_duty on parked (kind, target, member);

-- Events that could not be read: what follows from them is not known.
create table unreadable (
    position integer primary key,
    event_type text not null,
    reason text not null
) strict;
