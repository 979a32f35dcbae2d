-- Thanks (ありがとう), one row each; a row is never changed.
create table thanks (
    position integer primary key,
    exchange text not null,
    sender text not null,
    receiver text not null,
    at integer not null,
    words text,
    erased integer not null
) strict;
create index thanks_received on thanks (receiver, position);
create index thanks_sent on thanks (sender, position);
