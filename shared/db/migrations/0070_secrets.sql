-- Secrets: sealed values with scopes, versions and grants (SPEC §17). Only the internal process reads these tables.

create table secrets (
    secret_id       text primary key check (secret_id like 'secret-%'),
    scope_kind      text not null check (scope_kind in ('installation', 'pool', 'agent', 'connection')),
    scope_id        text not null,  -- the pool, the agent's id or the connection's id; '' for the installation
    name            text not null check (name ~ '^[A-Z][A-Z0-9_]{0,63}$'),
    usage           text not null check (usage in ('system', 'grantable')),
    current_version integer not null default 0 check (current_version >= 0),  -- 0: no version was accepted yet
    last_version    integer not null default 0 check (last_version >= current_version),
    created_at      timestamptz not null,
    updated_at      timestamptz not null,
    deleted_at      timestamptz,
    check ((scope_kind = 'installation') = (scope_id = ''))
) with (fillfactor = 80);
create unique index secrets_name on secrets (scope_kind, scope_id, name) where deleted_at is null;
create index secrets_deleted_at on secrets (deleted_at) where deleted_at is not null;

-- The value is sealed under a data key of its own, and the data key under the key `key_id` of AUTHSESSION_SECRET_KEYS.
create table secret_versions (
    secret_id   text not null references secrets,
    version     integer not null check (version > 0),
    state       text not null check (state in ('enabled', 'disabled', 'destroyed')),
    key_id      text not null,
    wrapped_key bytea,
    ciphertext  bytea check (octet_length(ciphertext) <= 66000),
    created_by  text not null,
    created_at  timestamptz not null,
    primary key (secret_id, version),
    check (num_nonnulls(wrapped_key, ciphertext) = case state when 'destroyed' then 0 else 2 end)
);
create index secret_versions_key_id on secret_versions (key_id) where state <> 'destroyed';

create table secret_grants (
    secret_id    text not null references secrets,
    grantee_kind text not null check (grantee_kind in ('pool', 'agent')),
    grantee_id   text not null,
    granted_by   text not null,
    granted_at   timestamptz not null,
    primary key (secret_id, grantee_kind, grantee_id)
);
create index secret_grants_of_grantee on secret_grants (grantee_kind, grantee_id);

-- The last opening of each secret.
create table secret_opens (
    secret_id text primary key references secrets,
    opened_at timestamptz not null,
    opened_by text not null
) with (fillfactor = 50);

-- The secrets that a published version names.
create table subject_version_secrets (
    subject_id text not null,
    version    integer not null,
    secret_id  text not null references secrets,
    primary key (subject_id, version, secret_id),
    foreign key (subject_id, version) references subject_versions on delete cascade
);
create index subject_version_secrets_of_secret on subject_version_secrets (secret_id);

-- The secrets that a manifest names, each for one reader: an agent, or `gateway`.
create table config_secrets (
    manifest_digest bytea not null references config_manifests on delete cascade,
    secret_id       text not null references secrets,
    reader          text not null,
    version         integer not null check (version > 0),
    primary key (manifest_digest, secret_id, reader)
);
create index config_secrets_of_secret on config_secrets (secret_id);

-- The subject whose version is given to nodes in a stage, and the sequence of the first manifest of the stage. A change by
-- another subject leaves the stage as it is: its newest manifests then have every second sequence from the first one on.
alter table config_heads add staged_subject_id text, add staged_sequence bigint;
update config_heads
   set staged_sequence = sequence,
       staged_subject_id = (select subject_id from config_documents
                             where manifest_digest in (digest, stable_digest) limit 1)
 where percent < 100 or halts;
