-- The log: events in commit order, positions 1, 2, 3, ... without a hole.
create table events (
    position integer primary key,
    stream   text    not null,
    version  integer not null,
    type     text    not null,
    header   blob,
    blind    blob,
    entry    blob    not null,
    sealed   blob,
    unique (stream, version)
);

-- Where the log ends: moved by compare-and-swap on (position, tail) in the transaction that appends.
create table log_head (
    only_row integer primary key check (only_row = 1),
    position integer not null,
    tail     blob    not null,
    at       integer not null
);
insert into log_head values (1, 0, zeroblob(16), -9223372036854775807);

-- The first outcome of each request, by its key; a policy's never expires.
create table request_keys (
    key        blob primary key,
    request    blob not null,
    outcome    text not null,
    expires_at integer
) without rowid;
create index request_keys_by_expiry on request_keys (expires_at) where expires_at is not null;

create trigger events_are_never_deleted before delete on events
begin
    select raise(abort, 'events are append-only: DELETE is refused');
end;

-- Redaction empties the three erasable columns and touches nothing else.
create trigger events_are_never_changed before update on events
when new.position is not old.position or new.stream is not old.stream
  or new.version is not old.version or new.type is not old.type or new.entry is not old.entry
  or (new.header is not old.header and new.header is not null)
  or (new.blind is not old.blind and new.blind is not null)
  or (new.sealed is not old.sealed and new.sealed is not null)
begin
    select raise(abort, 'events are append-only: UPDATE is refused');
end;

-- A replaced row is a deleted one, but fires no trigger of deletion by itself.
create trigger events_are_never_replaced before insert on events
when exists (select 1 from events where position = new.position
             or (stream = new.stream and version = new.version))
begin
    select raise(abort, 'events are append-only: this position or version is taken');
end;
