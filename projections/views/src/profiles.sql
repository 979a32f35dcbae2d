-- Members as others see them, also those who have left.
create table member (
    id text primary key,
    -- Null once they are erased.
    user_name text,
    nickname text,
    -- JIS X 0401 code; null where the member did not tell.
    prefecture integer,
    since integer not null,
    left_at integer,
    exchanges_completed integer not null,
    thanks_received integer not null
) strict;
create index member_by_user_name on member (user_name);
