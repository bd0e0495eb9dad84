-- Work for the relay: sessions whose gateway record must be written (SPEC §6.3).

create table projection_outbox (
    outbox_id         bigint generated always as identity primary key,
    device_session_id text not null,
    enqueued_at       timestamptz not null,
    -- The writer's own relay publishes at once; from here on any relay may claim the row.
    available_at      timestamptz not null
);
create index projection_outbox_available on projection_outbox (available_at);
