-- Operators: the people who administer the system (SPEC §10). Secrets are hashed: what is here logs nobody in.
create table operators (
    operator_id text primary key check (operator_id like 'operator-%'),
    user_name text not null check (user_name ~ '^[a-z0-9][a-z0-9._-]{1,63}$'),
    email text check (octet_length(email) <= 254),
    is_owner boolean not null,
    password_hash text not null check (password_hash like '$argon2id$%'),
    password_changed_at timestamptz not null,
    failed_logins integer not null default 0 check (failed_logins >= 0),
    locked_until timestamptz,
    disabled_at timestamptz,
    created_at timestamptz not null
) with (fillfactor = 70);
create unique index operators_user_name on operators (user_name);
-- Two people claim the first owner at the same instant: one of the inserts fails (SPEC §10.1).
create unique index operators_one_owner on operators (is_owner) where is_owner;

create table operator_sessions (
    operator_session_id text primary key check (operator_session_id like 'operator-session-%'),
    operator_id text not null references operators,
    token_hash bytea not null check (octet_length(token_hash) = 32),
    created_at timestamptz not null,
    renewed_at timestamptz not null,
    expires_at timestamptz not null,
    network text,
    user_agent text check (length(user_agent) <= 256),
    revoked_at timestamptz,
    revoke_reason_code text check (revoke_reason_code ~ '^[a-z0-9_]{1,64}$'),
    check (expires_at > created_at),
    check (renewed_at between created_at and expires_at),
    check ((revoked_at is null) = (revoke_reason_code is null))
) with (fillfactor = 80);
create unique index operator_sessions_token_hash on operator_sessions (token_hash);
create index operator_sessions_of_operator on operator_sessions (operator_id, created_at desc) where revoked_at is null;

create table api_tokens (
    token_id text primary key check (token_id like 'token-%'),
    name text not null check (length(name) between 1 and 100),
    prefix text not null,
    token_hash bytea not null check (octet_length(token_hash) = 32),
    scopes text[] not null check (cardinality(scopes) > 0),
    created_by text references operators,  -- null: made on the command line
    created_at timestamptz not null,
    expires_at timestamptz not null check (expires_at > created_at),
    last_used_at timestamptz,
    revoked_at timestamptz,
    revoke_reason_code text check (revoke_reason_code ~ '^[a-z0-9_]{1,64}$'),
    check ((revoked_at is null) = (revoke_reason_code is null))
) with (fillfactor = 80);
create unique index api_tokens_token_hash on api_tokens (token_hash);
create index api_tokens_of_operator on api_tokens (created_by) where revoked_at is null;
