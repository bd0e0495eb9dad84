-- What Postgres knows of the gateway projection in Redis (SPEC §6.4).

create table projection_keeper (
    only_row          boolean primary key default true check (only_row),
    epoch             text not null default '',       -- '' until the first keeper has seen a Redis
    state             text not null default 'rebuilding' check (state in ('rebuilding', 'complete')),
    -- Milliseconds of this database's clock: whatever was published before is in Redis. Redis holds the same
    -- number; the smaller of two that differ tells who went back, and to when.
    beat              bigint not null default 0 check (beat >= 0),
    run_id            text not null default '',       -- of the Redis server the beat was left in
    timeline          text not null default '',       -- of this database when the epoch began: a promotion starts another
    session_max_age   interval not null default '0',  -- the setting that active records' lives were counted with
    rebuild_requested boolean not null default false
) with (fillfactor = 50);
insert into projection_keeper default values;

-- Sessions that are active here while their gateway record says revoked: Postgres went back. Any keeper notes them;
-- the internal process revokes them, after looking at the record itself.
create table projection_conflicts (
    device_session_id text primary key,
    noted_at          timestamptz not null
);
