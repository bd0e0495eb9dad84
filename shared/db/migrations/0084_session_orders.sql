-- Self-service (SPEC §20): a device names itself, and orders the end of sessions of its user. The public process files an
-- order with its proof. The internal process examines the proof and carries the order out.

alter table device_sessions add label text check (char_length(label) between 1 and 64) check (label !~ '[[:cntrl:]]');

create or replace function device_session_only_revoked() returns trigger language plpgsql as $$
begin
    if old.status = 'active'
       and (old.device_session_id, old.user_id, old.client_public_key, old.login_code_id, old.challenge_id, old.created_at)
           is not distinct from
           (new.device_session_id, new.user_id, new.client_public_key, new.login_code_id, new.challenge_id, new.created_at)
       and (new.status = 'revoked' or old.label is distinct from new.label)
    then
        return new;
    end if;
    raise exception 'a device session can only be revoked, once, and named while it is active'
        using errcode = 'check_violation', constraint = 'device_session_only_revoked';
end $$;

-- An order is a request signed by a device (`signature` and the fields before it, as the signed request has them), or the
-- token of a notice (`token_hash`). Nothing in it is believed before the internal process has examined it.
create table session_orders (
    order_id          bigint generated always as identity primary key,
    device_session_id text check (octet_length(device_session_id) <= 128),
    request_id        text check (octet_length(request_id) <= 128),
    message_type      text check (octet_length(message_type) <= 512),
    timestamp_ms      bigint,
    body              bytea check (octet_length(body) <= 1024),
    signature         bytea check (octet_length(signature) = 64),
    token_hash        bytea check (octet_length(token_hash) = 32),
    everything        boolean,
    network           text not null check (octet_length(network) <= 64),
    http_request_id   text not null check (octet_length(http_request_id) <= 128),
    received_at       timestamptz not null,
    -- What became of it. Null while it waits.
    outcome           text check (outcome ~ '^[a-z_]{1,32}$'),
    session_count     integer,
    decided_at        timestamptz,
    -- When the gateway records of its sessions were readable. The answer waits for it.
    published_at      timestamptz,
    check (num_nonnulls(device_session_id, request_id, message_type, timestamp_ms, body, signature)
           = case when token_hash is null then 6 else 0 end),
    check ((token_hash is null) = (everything is null)),
    check ((outcome is null) = (decided_at is null)),
    check (outcome is not null or published_at is null)
) with (fillfactor = 70);
create unique index session_orders_of_request on session_orders (device_session_id, request_id);
create index session_orders_waiting on session_orders (order_id) where published_at is null;
create index session_orders_received_at on session_orders (received_at);

-- The public role says neither when an order came nor what became of it.
create function session_order_received() returns trigger
language plpgsql security definer set search_path from current as $$
begin
    new.received_at := owners_clock();
    return new;
end $$;
revoke all on function session_order_received from public;
create trigger session_order_received before insert on session_orders for each row execute function session_order_received();
