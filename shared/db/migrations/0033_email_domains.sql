-- E-mail domains that may not log in, the length of operators' passwords, and how far the first run of the control
-- plane is (SPEC §10.2, §10.3).

-- Domains as an address has them: exact, lower-case A-labels. An empty list of allowed ones allows all.
alter table settings
    add blocked_email_domains text[] not null default '{}'
        check (cardinality(blocked_email_domains) <= 1000 and array_position(blocked_email_domains, null) is null),
    add allowed_email_domains text[] not null default '{}'
        check (cardinality(allowed_email_domains) <= 1000 and array_position(allowed_email_domains, null) is null),
    add operator_password_min_length integer not null default 12
        check (operator_password_min_length between 12 and 128);

-- Whether nobody may log in with an address now, whose domain is in lower case. Written so that it is inlined.
create function is_email_domain_refused(email text, blocked text[], allowed text[]) returns boolean
language sql immutable parallel safe
return split_part(email, '@', 2) = any (blocked)
    or (cardinality(allowed) > 0 and split_part(email, '@', 2) <> all (allowed));

-- Blocked domains whose sessions are not all revoked yet; the worker goes through their addresses by id.
create table domain_revocations (
    domain         text primary key,
    after_email_id bigint not null default 0,  -- the addresses up to this one are done
    actor_type     text not null check (actor_type ~ '^[a-z0-9_]{1,32}$'),
    actor_id       text,
    ordered_at     timestamptz not null
);
create index emails_domain on emails (split_part(folded, '@', 2), email_id);

-- What was done of the first run, beyond claiming the owner.
create table onboarding_steps (
    step        text primary key check (step in ('recovery_codes_stored', 'settings_reviewed')),
    done_at     timestamptz not null,
    operator_id text not null references operators
);
