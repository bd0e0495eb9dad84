-- Nodes: gateways and agent runtimes with a key of their own (SPEC §16).

create table node_pools (
    pool       text primary key check (pool ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    created_at timestamptz not null
);

create table node_join_tokens (
    join_token_id text primary key check (join_token_id like 'join-token-%'),
    token_hash    bytea not null check (octet_length(token_hash) = 32),
    pool          text not null references node_pools,
    node_name     text,
    uses          integer not null check (uses between 1 and 1000),
    uses_left     integer not null check (uses_left between 0 and uses),
    created_by    text not null,  -- the caller: an operator, a token, the command line
    created_at    timestamptz not null,
    expires_at    timestamptz not null check (expires_at > created_at),
    revoked_at    timestamptz,
    check (node_name is null or uses = 1)
) with (fillfactor = 80);
create index node_join_tokens_expires_at on node_join_tokens (expires_at);

create table nodes (
    node_id            text primary key check (node_id like 'node-%'),
    pool               text not null references node_pools,
    node_name          text not null check (node_name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    status             text not null check (status in ('pending', 'active', 'revoked')),
    join_token_id      text,  -- null: registered by an operator. No reference: tokens are removed, nodes stay
    software           text check (length(software) <= 100),
    created_at         timestamptz not null,
    approved_at        timestamptz,
    revoked_at         timestamptz,
    revoke_reason_code text check (revoke_reason_code ~ '^[a-z0-9_]{1,64}$'),
    revoke_actor_type  text,
    revoke_actor_id    text,
    check ((status = 'revoked') = (revoked_at is not null)),
    check ((status = 'revoked') = (revoke_reason_code is not null))
) with (fillfactor = 80);
-- The name of a revoked node is free again.
create unique index nodes_name on nodes (pool, node_name) where status <> 'revoked';
-- Each process looks for the nodes that were revoked since its last look.
create index nodes_revoked_at on nodes (revoked_at) where revoked_at is not null;
create index nodes_of_join_token on nodes (join_token_id) where join_token_id is not null;

-- Every key that a node ever had. A key belongs to one node for ever, also after the node is revoked.
create table node_keys (
    public_key     bytea primary key check (octet_length(public_key) = 32),
    node_id        text not null references nodes,
    generation     integer not null check (generation > 0),
    encryption_key bytea not null check (octet_length(encryption_key) = 32),
    created_at     timestamptz not null,
    valid_until    timestamptz,  -- null: the current key
    unique (node_id, generation)
) with (fillfactor = 80);

-- What a node told of itself, and what it was offered. Written at most every 30 s for a node that only repeats itself.
create table node_states (
    node_id            text primary key references nodes,
    last_seen_at       timestamptz not null,
    status_at_ms       bigint not null default 0,  -- the time in the envelope of the last status: an older one changes nothing
    boot_id            text,
    previous_boot_id   text,
    boot_changed_at    timestamptz,
    key_shared_at      timestamptz,  -- two processes use one key (A, B, A within ten minutes)
    offered_epoch      bigint not null default 0,
    offered_sequence   bigint not null default 0,
    offered_at         timestamptz,
    applied_epoch      bigint not null default 0,
    applied_sequence   bigint not null default 0,
    applied_digest     bytea check (octet_length(applied_digest) = 32),
    applied_outcome    text check (applied_outcome in ('applied', 'degraded')),
    applied_at         timestamptz,
    source             text check (source in ('control_plane', 'disk', 'bundle')),
    rejected_epoch     bigint not null default 0,
    rejected_sequence  bigint not null default 0,
    rejected_digest    bytea check (octet_length(rejected_digest) = 32),
    rejected_at        timestamptz,
    error_code         text check (error_code ~ '^[a-z0-9_]{1,64}$'),
    error_message      text check (length(error_message) <= 500),
    error_document     text check (length(error_document) <= 500),
    report             jsonb
) with (fillfactor = 50);

-- `off`: a node that joins is active at once. `on`: it waits until an operator approves it.
alter table settings
    add node_join_approval text not null default 'off' check (node_join_approval in ('off', 'on')),
    add node_key_shared_policy text not null default 'report' check (node_key_shared_policy in ('report', 'revoke'));
