-- Connections: what the product and its agents talk to (SPEC §18). Only the internal process reads these tables.

create table connections (
    connection_id      text primary key check (connection_id like 'connection-%'),
    name               text not null unique check (name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    kind               text not null check (kind ~ '^[a-z_]{1,32}$'),
    last_revision      integer not null check (last_revision > 0),
    accepted_revision  integer check (accepted_revision <= last_revision),
    candidate_revision integer check (candidate_revision <= last_revision),
    candidate_until    timestamptz,
    created_at         timestamptz not null,
    updated_at         timestamptz not null,
    check ((candidate_revision is null) = (candidate_until is null))
) with (fillfactor = 80);

-- `secrets` are references, such as {"API_KEY": ["secret-…", 3]}; no value stands here.
create table connection_revisions (
    connection_id text not null references connections on delete cascade,
    revision      integer not null check (revision > 0),
    settings      jsonb not null,
    secrets       jsonb not null,
    result        text,  -- of the last verification; null: none ended yet
    checked_at    timestamptz,
    duration_ms   integer,
    account       text check (length(account) <= 200),
    detail        text check (length(detail) <= 200),
    is_unverified boolean not null default false,  -- accepted although its verification failed
    created_by    text not null,
    created_at    timestamptz not null,
    accepted_at   timestamptz,
    primary key (connection_id, revision)
);

create table connection_defaults (
    connection_key text primary key check (connection_key in ('mail', 'user_service', 'telemetry', 'model')),
    connection_id  text not null references connections,
    changed_by     text not null,
    changed_at     timestamptz not null
);
create index connection_defaults_of_connection on connection_defaults (connection_id);

-- The health of an accepted connection, kept by one worker of all processes.
create table connection_states (
    connection_id text primary key references connections on delete cascade,
    status        text not null check (status in ('healthy', 'degraded', 'failing')),
    since         timestamptz not null,
    failures      integer not null default 0,   -- in a row
    successes     integer not null default 0,   -- in a row
    next_probe_at timestamptz not null
) with (fillfactor = 50);
create index connection_states_next_probe_at on connection_states (next_probe_at);

create table connection_health (
    health_id     bigint generated always as identity primary key,
    connection_id text not null references connections on delete cascade,
    checked_at    timestamptz not null,
    result        text not null,
    duration_ms   integer not null
);
create index connection_health_of_connection on connection_health (connection_id, health_id desc);
create index connection_health_checked_at on connection_health (checked_at);
