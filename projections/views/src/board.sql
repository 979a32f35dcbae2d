-- Needs and Offers, open and closed; the board shows the open ones.
create table post (
    id text primary key,
    kind text not null,
    author text not null,
    -- Position of the event that posted it: newest first, and what cursors name.
    posted integer not null,
    -- Position of the last event that changed what is here.
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
create index post_newest on post (posted) where open;
create index post_newest_by_category on post (category, posted) where open;
create index post_newest_by_prefecture on post (prefecture, posted) where open;
create index post_newest_by_author on post (author, posted);

create table post_tag (
    tag text not null,
    post text not null,
    primary key (tag, post)
) strict, without rowid;

create table post_words (
    post text primary key,
    -- Title, description and tags in the form in which words are compared.
    form text not null
) strict, without rowid;
