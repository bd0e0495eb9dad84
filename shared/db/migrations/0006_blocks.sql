-- Blocked subjects: a user, or an e-mail without case.

create table blocks (
    block_id     bigint generated always as identity primary key,
    email_id     bigint unique references emails,
    user_id      text unique references users,
    expires_at   timestamptz,                    -- null: until removed
    reason_code  text not null check (reason_code ~ '^[a-z0-9_]{1,64}$'),
    actor_type   text not null check (actor_type ~ '^[a-z0-9_]{1,32}$'),
    actor_id     text,
    created_at   timestamptz not null,
    check (num_nonnulls(email_id, user_id) = 1)
);
