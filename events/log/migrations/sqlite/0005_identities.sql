-- The last version of every stream that tells who somebody is, apart from the events and their index:
-- a look-up of such a stream is answered only where both say the same. No single damaged page lets a
-- stranger take a name that is taken, or locks its owner out.
create table identities (
    stream  text primary key,
    version integer not null
) without rowid;

insert into identities select stream, max(version) from events
where (stream >= 'claim-' and stream < 'claim.') or (stream >= 'member-' and stream < 'member.')
group by stream;

create trigger events_of_identities after insert on events
when (new.stream >= 'claim-' and new.stream < 'claim.')
  or (new.stream >= 'member-' and new.stream < 'member.')
begin
    insert into identities values (new.stream, new.version)
    on conflict (stream) do update set version = excluded.version;
end;
