-- The clock that decides, and the one row of settings that every statement reads.

-- Postgres' clock plus an offset that only tests set (`alter database … set authsession.clock_offset`).
create function clock_now() returns timestamptz
language sql volatile parallel safe
return clock_timestamp()
     + coalesce(nullif(current_setting('authsession.clock_offset', true), ''), '0')::interval;

create table settings (
    only_row                 boolean primary key default true check (only_row),
    version                  bigint not null default 1,
    session_limit            integer not null default 0 check (session_limit between 0 and 10000),
    session_limit_policy     text not null default 'reject'
                             check (session_limit_policy in ('reject', 'revoke_oldest')),
    session_max_age          interval not null default '365 days'
                             check (session_max_age between '1 minute' and '3650 days'),
    require_client_key_proof boolean not null default false
);
insert into settings default values;

-- Who changed what; the public role may not read it (SPEC §1.2).
create table settings_changes (
    settings_change_id bigint generated always as identity primary key,
    changed_at         timestamptz not null default clock_now(),
    version            bigint not null,
    name               text not null,
    old_value          text not null,
    new_value          text not null,
    actor_type         text not null,
    actor_id           text
);
