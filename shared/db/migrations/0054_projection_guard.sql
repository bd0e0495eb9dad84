-- Which internal process watches what others write to the gateway projection, and how far it has read the stream
-- (SPEC §6.6). A lease in a table, not an advisory lock: the public role could hold such a lock and so blind the guard.

create table projection_guard (
    only_row        boolean primary key default true check (only_row),
    holder          text not null default '',
    held_until      timestamptz not null default '-infinity',
    stream_position text not null default '0-0'
) with (fillfactor = 50);
insert into projection_guard default values;
