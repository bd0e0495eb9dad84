-- Sessions that nobody uses end (SPEC §20.5). Null: they do not.
alter table settings add session_idle_age interval
    check (session_idle_age between interval '7 days' and interval '365 days');
create index session_last_seen_day on session_last_seen (day, device_session_id);
