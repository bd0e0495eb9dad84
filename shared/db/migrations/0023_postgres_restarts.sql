-- A Postgres that starts on older data and writes on, on the same timeline, may have lost commits since the last beat.

alter table projection_keeper
    add column postgres_started_at timestamptz not null default 'epoch';  -- the server's start, when the epoch began
