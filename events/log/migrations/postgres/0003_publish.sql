-- The full tiles of the tree over the entries (C2SP tlog-tiles); `root` is the hash of all of one,
-- which the level above is made of. Partial tiles and bundles are made of entries when asked for.
create table tiles (
    level  smallint not null check (level between 0 and 7),
    number bigint   not null check (number >= 0),
    hashes bytea    not null check (length(hashes) = 8192),
    root   bytea    not null check (length(root) = 32),
    primary key (level, number)
);
-- Hashes do not become shorter.
alter table tiles alter column hashes set storage external;

-- What was signed, and published since then.
create table checkpoints (
    size         bigint primary key check (size > 0),
    root         bytea  not null check (length(root) = 32),
    note         text   not null,
    published_at bigint not null
);

-- The verifier key of the log: its origin and the one key that signs its checkpoints.
create table signing_key (
    only_row boolean primary key default true check (only_row),
    verifier text not null
);

create function published_is_append_only() returns trigger language plpgsql as $$
begin
    raise exception '% are append-only: % is refused', tg_table_name, tg_op;
end
$$;

create trigger tiles_are_never_changed before update or delete on tiles
    for each row execute function published_is_append_only();
create trigger tiles_are_never_truncated before truncate on tiles
    for each statement execute function published_is_append_only();
create trigger checkpoints_are_never_changed before update or delete on checkpoints
    for each row execute function published_is_append_only();
create trigger checkpoints_are_never_truncated before truncate on checkpoints
    for each statement execute function published_is_append_only();
