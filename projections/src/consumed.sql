-- What a view has consumed of the log: written in the transaction that writes its rows.
create table consumed (
    only integer primary key check (only = 1),
    position integer not null,
    -- The public bytes of the event at that position, by which the view knows its log again.
    entry blob not null
) strict;
insert into consumed (only, position, entry) values (1, 0, x'');
