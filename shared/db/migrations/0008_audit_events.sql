-- The audit trail: one row per mutation, written in its transaction, never changed. Ids only: no e-mail,
-- so that erasing a person leaves the trail whole (SPEC §10.8, §10).

create table audit_events (
    audit_id    bigint generated always as identity primary key,
    occurred_at timestamptz not null,
    event       text not null check (event like 'security.%'),
    outcome     text not null,
    caller      text not null,                   -- who was authenticated: 'public', 'trusted_network', …
    actor_type  text,                            -- who they said acted
    actor_id    text,
    network     text,
    request_id  text,
    subject     text,                            -- 'user-…', 'device-session-…', 'email-<email_id>'
    reason_code text,
    details     jsonb
);
create index audit_events_occurred_at on audit_events (occurred_at);
