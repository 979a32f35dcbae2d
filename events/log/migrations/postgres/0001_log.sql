-- The log: events in commit order, positions 1, 2, 3, ... without a hole.
create table events (
    position bigint primary key,
    stream   text collate "C" not null,
    version  bigint not null,
    type     text collate "C" not null,
    header   bytea,
    blind    bytea,
    entry    bytea not null,
    sealed   bytea,
    unique (stream, version)
);

-- Where the log ends: moved by compare-and-swap on (position, tail) in the statement that appends.
create table log_head (
    only_row boolean primary key default true check (only_row),
    position bigint not null,
    tail     bytea  not null,
    at       bigint not null
) with (fillfactor = 50);
insert into log_head values (true, 0, decode(repeat('00', 16), 'hex'), -9223372036854775807);

-- The first outcome of each request, by its key; a policy's never expires.
create table request_keys (
    key        bytea primary key,
    request    bytea not null,
    outcome    text  not null,
    expires_at bigint
);
create index request_keys_by_expiry on request_keys (expires_at) where expires_at is not null;

create function events_are_append_only() returns trigger language plpgsql as $$
begin
    raise exception 'events are append-only: % is refused', tg_op;
end
$$;

create trigger events_are_never_deleted before delete on events
    for each row execute function events_are_append_only();
create trigger events_are_never_truncated before truncate on events
    for each statement execute function events_are_append_only();

-- Redaction empties the three erasable columns and touches nothing else.
create trigger events_are_never_changed before update on events
    for each row when (
        (new.position, new.stream, new.version, new.type, new.entry)
            is distinct from (old.position, old.stream, old.version, old.type, old.entry)
        or (new.header is distinct from old.header and new.header is not null)
        or (new.blind is distinct from old.blind and new.blind is not null)
        or (new.sealed is distinct from old.sealed and new.sealed is not null)
    ) execute function events_are_append_only();
