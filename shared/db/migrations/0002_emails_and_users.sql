-- One row per case-folded address: the row that every writer about that address locks first.

create table emails (
    email_id   bigint generated always as identity primary key,
    folded     text not null unique check (octet_length(folded) <= 254),
    -- Bumped by block, unblock, revoke, session and code changes. A guarded write happens only if
    -- the version its decision read is still there (SPEC §3.7).
    version    bigint not null default 0,
    created_at timestamptz not null
) with (fillfactor = 80);

create table users (
    user_id            text primary key check (user_id like 'user-%'),
    email_id           bigint not null references emails,
    email              text not null unique,     -- identity: the local part as typed, A-label domain
    preferred_language text not null,
    time_zone          text not null,
    created_at         timestamptz not null
);
create index users_email_id on users (email_id);

-- Networks from which an address confirmed, as HMAC tags (SPEC §3.6 "known").
create table known_networks (
    email_id     bigint not null references emails on delete cascade,
    network_tag  bytea not null check (octet_length(network_tag) = 16),
    confirmed_at timestamptz not null,
    primary key (email_id, network_tag)
);
