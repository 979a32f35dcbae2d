-- Where this database was when its log was signed last, and the last note that was signed, also where
-- it was not published: a copy does not sign before it is known that nobody has signed more.
-- `vault_generation` is that of the vault which was opened last: an older vault has a lower one.
create table publishing (
    only_row boolean primary key default true check (only_row),
    place    text,
    signed   text,
    vault_generation bigint not null default 0
);
insert into publishing (only_row) values (true);
