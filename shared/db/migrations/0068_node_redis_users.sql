-- The users of Redis that nodes have for themselves (SPEC §16.9). The row of a revoked node is an order to delete its
-- user; it goes when that is done.

create table node_redis_users (
    node_id       text primary key references nodes,
    password_hash bytea not null check (octet_length(password_hash) = 32),  -- SHA-256 of 256 random bits, as Redis keeps it
    changed_at    timestamptz not null
) with (fillfactor = 70);

-- One process at a time compares Redis with this table. Rows of leases come from migrations alone, so no list of names.
alter table leases drop constraint leases_name_check;
insert into leases (name) values ('node_redis_users');
