-- Exchanges with all that was said, agreed and felt in their rooms.
create table exchange (
    id text primary key,
    post text not null,
    -- The post's title as it read at the opening; null once it is erased.
    title text,
    opener text not null,
    asked text not null,
    -- Position of the opening: newest first, and what cursors name.
    opened integer not null,
    opened_at integer not null,
    -- Version of the stream and time of the last event.
    version integer not null,
    changed_at integer not null,
    status text not null,
    mode text not null,
    allows_online integer not null,
    allows_offline integer not null,
    no_return_needed integer not null,
    terms_version integer not null,
    opener_agreed integer,
    asked_agreed integer,
    agreed_version integer,
    has_return integer,
    started_at integer,
    opener_reported_at integer,
    asked_reported_at integer,
    reminded_at integer,
    completed_by_policy integer not null,
    open_until integer,
    ended_by text,
    ended_at integer,
    reason_code text,
    reason text
) strict;
create index exchange_by_opener on exchange (opener, opened);
create index exchange_by_asked on exchange (asked, opened);

create table terms (
    exchange text not null,
    version integer not null,
    proposer text not null,
    at integer not null,
    mode text not null,
    has_return integer not null,
    -- Words of the proposer; null once they are erased.
    what text,
    timing text,
    in_return text,
    primary key (exchange, version)
) strict, without rowid;

create table message (
    exchange text not null,
    position integer not null,
    author text not null,
    at integer not null,
    keep_negotiating integer not null,
    text text,
    primary key (exchange, position)
) strict, without rowid;

create table evaluation (
    exchange text not null,
    author text not null,
    about text not null,
    at integer not null,
    words text,
    retracted_at integer,
    primary key (exchange, author)
) strict, without rowid;

create table thanks (
    exchange text not null,
    sender text not null,
    at integer not null,
    words text,
    erased integer not null,
    primary key (exchange, sender)
) strict, without rowid;
