-- Needs and Offers, open and closed: the documents of the index are those that are open.
create table post (
    id text primary key,
    kind text not null,
    author text not null,
    -- Position of the event that posted it: newest first.
    posted integer not null,
    -- Position of the last event that changed what is here: the index takes up what is new.
    changed integer not null,
    -- Version of the stream.
    version integer not null,
    posted_at integer not null,
    edited_at integer,
    open integer not null,
    category text not null,
    prefecture integer,
    online integer not null,
    offline integer not null,
    no_return_needed integer not null,
    -- What the author typed; null once it is erased.
    title text,
    description text,
    tags text not null,
    city text,
    wished_return text,
    -- Degrees north and east, in units of 1e-7 degree.
    lat_e7 integer,
    lon_e7 integer
) strict;
create index post_changed on post (changed, id);
-- For those of who left or was erased.
create index post_by_author on post (author);

-- Words that are kept whole. One that was removed stays, so that the index hears of it.
create table word (
    word text primary key,
    reading text,
    present integer not null,
    -- Position of the last event that changed what is here.
    changed integer not null
) strict, without rowid;

-- Words that stand for each other (つながり). A group that was dissolved stays, without words.
create table synonym_group (
    number integer primary key,
    words text not null,
    -- Position of the last event that changed what is here.
    changed integer not null
) strict;
