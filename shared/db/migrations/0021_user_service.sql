-- Users of a user service (SPEC §8 `rest`): their ids are the service's, and whom we never saw may be blocked.

-- An id of the contract's form (contracts/user_service.py): a path or a Redis key needs no escape, and it is no e-mail.
alter table users
    drop constraint users_user_id_check,
    add constraint users_user_id_check check (user_id ~ '^[A-Za-z0-9][A-Za-z0-9._~:|-]{0,127}$');
-- A user blocked before their first login has no row in `users`. Block and first login take the same advisory lock.
alter table blocks
    drop constraint blocks_user_id_fkey,
    add constraint blocks_user_id_check check (user_id ~ '^[A-Za-z0-9][A-Za-z0-9._~:|-]{0,127}$');

-- Blocks that the user service is still to be told of: written with the block, deleted once told or withdrawn.
create table user_block_orders (
    order_id        bigint generated always as identity primary key,
    email_id        bigint unique references emails,
    user_id         text unique check (user_id ~ '^[A-Za-z0-9][A-Za-z0-9._~:|-]{0,127}$'),
    reason_code     text not null check (reason_code ~ '^[a-z0-9_]{1,64}$'),
    ordered_at      timestamptz not null,
    attempts        integer not null default 0 check (attempts >= 0),
    next_attempt_at timestamptz not null,          -- also the end of a claim's lease
    check (num_nonnulls(email_id, user_id) = 1)
);
create index user_block_orders_due on user_block_orders (next_attempt_at);
