-- Published configuration: subjects with one draft, numbered versions and at most one active version (SPEC §16).

create table subjects (
    subject_id         text primary key,  -- gateway-config-…
    kind               text not null check (kind ~ '^[a-z_]{1,32}$'),
    name               text not null check (name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    pools              text[] not null,
    draft              jsonb not null,
    revision           bigint not null check (revision > 0),
    field_revisions    jsonb not null default '{}',  -- {"draft.mode": 7}: the revision that last changed a field
    published_revision bigint not null default 0,  -- the revision that the last version was made of
    last_version       integer not null default 0,
    active_version     integer,
    paused_at          timestamptz,
    archived_at        timestamptz,
    created_at         timestamptz not null,
    updated_at         timestamptz not null,
    check (active_version between 1 and last_version),
    check (archived_at is null or active_version is null)
) with (fillfactor = 70);
create unique index subjects_name on subjects (kind, name) where archived_at is null;

-- A version never changes. `draft` and `pools` are what it was made of; `document` is what nodes get.
create table subject_versions (
    subject_id text not null references subjects,
    version    integer not null check (version > 0),
    revision   bigint not null,
    pools      text[] not null,
    draft      jsonb not null,
    document   bytea not null check (octet_length(document) <= 1048576),
    digest     bytea not null check (octet_length(digest) = 32),
    note       text check (length(note) <= 500),
    created_by text not null,
    created_at timestamptz not null,
    primary key (subject_id, version)
);

create index subject_versions_created_at on subject_versions (created_at);

create function version_never_changes() returns trigger language plpgsql as $$
begin
    raise exception 'a published version never changes' using errcode = 'check_violation';
end $$;
create trigger version_never_changes before update on subject_versions
    for each row execute function version_never_changes();

-- Every change of the active version. A null version is a pause. A version may be removed before its activations are.
create table subject_activations (
    activation_id    bigint generated always as identity primary key,
    subject_id       text not null references subjects,
    version          integer check (version > 0),
    previous_version integer check (previous_version > 0),
    percent          smallint not null default 100 check (percent between 1 and 100),
    activated_by     text not null,
    activated_at     timestamptz not null,
    note             text check (length(note) <= 500)
);
create index subject_activations_of_subject on subject_activations (subject_id, activation_id desc);
create index subject_activations_activated_at on subject_activations (activated_at);

-- How long a version is kept after it was published, and after it was last active.
alter table settings
    add published_version_retention interval not null default '400 days'
        check (published_version_retention between '30 days' and '3650 days');

-- The signed manifests that are served: the current one of each pool, and the one before while a stage is unfinished.
create table config_manifests (
    digest     bytea primary key check (octet_length(digest) = 32),
    pool       text not null references node_pools,
    epoch      bigint not null check (epoch > 0),
    sequence   bigint not null check (sequence > 0),
    manifest   bytea not null check (octet_length(manifest) <= 65536),
    signatures jsonb not null,  -- [{"key_id","signature"}], base64
    created_at timestamptz not null,
    expires_at timestamptz not null
);
create index config_manifests_of_pool on config_manifests (pool);

-- The documents that nodes of a pool may fetch.
create table config_documents (
    manifest_digest bytea not null references config_manifests on delete cascade,
    document_digest bytea not null check (octet_length(document_digest) = 32),
    subject_id      text not null,
    version         integer not null,
    primary key (manifest_digest, document_digest),
    foreign key (subject_id, version) references subject_versions
);
create index config_documents_of_version on config_documents (subject_id, version);

-- The head of a pool: which manifest its nodes should have. With a stage, the others should have `stable_digest`.
create table config_heads (
    pool            text primary key references node_pools,
    epoch           bigint not null check (epoch > 0),
    sequence        bigint not null check (sequence > 0),
    digest          bytea not null references config_manifests,
    content_digest  bytea not null check (octet_length(content_digest) = 32),  -- of all but position and times
    activated_at    timestamptz not null,
    stable_digest   bytea references config_manifests,
    percent         smallint not null default 100 check (percent between 1 and 100),
    halts           boolean not null default false,  -- the first rejection halts the stage
    halted_at       timestamptz,
    check ((percent < 100 or halts) or (stable_digest is null and halted_at is null))
) with (fillfactor = 50);
