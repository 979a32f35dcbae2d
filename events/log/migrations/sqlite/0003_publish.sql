-- The full tiles of the tree over the entries (C2SP tlog-tiles); `root` is the hash of all of one,
-- which the level above is made of. Partial tiles and bundles are made of entries when asked for.
create table tiles (
    level  integer not null check (level between 0 and 7),
    number integer not null check (number >= 0),
    hashes blob    not null check (length(hashes) = 8192),
    root   blob    not null check (length(root) = 32),
    primary key (level, number)
);

-- What was signed, and published since then.
create table checkpoints (
    size         integer primary key check (size > 0),
    root         blob    not null check (length(root) = 32),
    note         text    not null,
    published_at integer not null
);

-- The verifier key of the log: its origin and the one key that signs its checkpoints.
create table signing_key (
    only_row integer primary key check (only_row = 1),
    verifier text    not null
);

create trigger tiles_are_never_deleted before delete on tiles
begin
    select raise(abort, 'tiles are append-only: DELETE is refused');
end;
create trigger tiles_are_never_changed before update on tiles
begin
    select raise(abort, 'tiles are append-only: UPDATE is refused');
end;
create trigger tiles_are_never_replaced before insert on tiles
when exists (select 1 from tiles where level = new.level and number = new.number)
begin
    select raise(abort, 'tiles are append-only: this one is there');
end;

create trigger checkpoints_are_never_deleted before delete on checkpoints
begin
    select raise(abort, 'checkpoints are append-only: DELETE is refused');
end;
create trigger checkpoints_are_never_changed before update on checkpoints
begin
    select raise(abort, 'checkpoints are append-only: UPDATE is refused');
end;
create trigger checkpoints_are_never_replaced before insert on checkpoints
when exists (select 1 from checkpoints where size >= new.size)
begin
    select raise(abort, 'checkpoints are append-only: this size or a larger one is there');
end;
