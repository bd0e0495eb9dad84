-- How an installation gets its first owner, and how operators get back in (SPEC §10.1, §10.5). All secrets are hashed.

-- One row: a new setup code ends the one before, and the registration token that one was exchanged for.
create table owner_setup (
    only_row boolean primary key default true check (only_row),
    setup_code_hash bytea check (octet_length(setup_code_hash) = 32),
    setup_code_expires_at timestamptz,
    registration_token_hash bytea check (octet_length(registration_token_hash) = 32),
    registration_token_expires_at timestamptz,
    check ((setup_code_hash is null) = (setup_code_expires_at is null)),
    check ((registration_token_hash is null) = (registration_token_expires_at is null)),
    check (setup_code_hash is null or registration_token_hash is null)
);
insert into owner_setup default values;

-- The codes of one set share a salt, so that an attempt costs one hash; using one replaces the set.
alter table operators
    add column recovery_code_hashes text[] not null default '{}' check (cardinality(recovery_code_hashes) <= 10),
    add column recovery_codes_made_at timestamptz,
    add check ((recovery_codes_made_at is null) = (recovery_code_hashes = '{}'));
