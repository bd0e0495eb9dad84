-- The first answer to each mutation that came with an Idempotency-Key, for 24 hours.
-- Key and request are kept as SHA-256: whoever reads this table can repeat nobody's request.
create table idempotency_keys (
    caller             text not null,
    key_hash           bytea not null check (octet_length(key_hash) = 32),
    request_hash       bytea not null check (octet_length(request_hash) = 32),  -- of method, path and body
    request_id         text not null,
    status             smallint not null check (status between 200 and 499),
    body               bytea not null,
    device_session_ids text[] not null,  -- whose gateway records must be readable before the answer is given again
    created_at         timestamptz not null,
    primary key (caller, key_hash)
);
create index idempotency_keys_created_at on idempotency_keys (created_at);
