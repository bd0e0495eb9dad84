-- Login codes, and the challenges (handles) that share them (SPEC §3).

create table login_codes (
    login_code_id uuid primary key,
    email_id      bigint not null references emails,
    email         text not null,                 -- identity the code was made for
    key_id        text not null,                 -- of the HMAC key
    salt          bytea not null check (octet_length(salt) = 16),
    mac           bytea not null check (octet_length(mac) = 32),
    sealed_code   bytea,                         -- for mailing; erased when the code ends
    seal_key_id   text,
    created_at    timestamptz not null,
    expires_at    timestamptz not null,
    ended_at      timestamptz,                   -- by success; a decoy is born ended
    check (expires_at > created_at),
    check ((sealed_code is null) = (seal_key_id is null)),
    check (ended_at is null or sealed_code is null)
) with (fillfactor = 80);
create index login_codes_live on login_codes (email_id, created_at) where ended_at is null;
create index login_codes_sealed on login_codes (expires_at) where sealed_code is not null;

create table challenges (
    challenge_id       text primary key check (challenge_id like 'challenge-%'),
    email_id           bigint not null references emails,
    email              text not null,            -- identity, as for the code
    login_code_id      uuid references login_codes,
    network_tag        bytea not null check (octet_length(network_tag) = 16),
    preferred_language text not null,
    state              text not null check (state in (
                           'pending_send', 'sent', 'delivery_suppressed', 'delivery_throttled',
                           'confirmed_pending_expire', 'failed', 'cancelled')),
    attempts           smallint not null default 0 check (attempts between 0 and 5),
    -- Of those, wrong codes compared while the challenge held a reservation (SPEC §3.6).
    evaluated          smallint not null default 0 check (evaluated between 0 and attempts),
    created_at         timestamptz not null,
    expires_at         timestamptz not null,
    confirmed_at       timestamptz,
    check (expires_at > created_at),
    check ((login_code_id is null) = (state in ('delivery_suppressed', 'delivery_throttled'))),
    check ((confirmed_at is null) = (state <> 'confirmed_pending_expire')),
    check (state <> 'failed' or attempts = 5),
    check (state not in ('pending_send', 'sent') or attempts < 5)
) with (fillfactor = 80);
create index challenges_live on challenges (email_id, expires_at)
    where state in ('pending_send', 'sent');
create index challenges_evaluated on challenges (email_id, expires_at) where evaluated > 0;
create index challenges_confirmed on challenges (email_id, confirmed_at) where confirmed_at is not null;
-- One success per login code, whatever the code above it believes.
create unique index challenges_confirmed_code on challenges (login_code_id) where confirmed_at is not null;
create index challenges_created_at on challenges (created_at);
create index challenges_login_code_id on challenges (login_code_id);

create function challenge_transition() returns trigger language plpgsql as $$
begin
    if (old.state, new.state) in (
        ('pending_send', 'sent'),
        ('pending_send', 'confirmed_pending_expire'), ('sent', 'confirmed_pending_expire'),
        ('pending_send', 'failed'), ('sent', 'failed'),
        ('pending_send', 'cancelled'), ('sent', 'cancelled')
    ) then
        return new;
    end if;
    raise exception 'challenge cannot go from % to %', old.state, new.state
        using errcode = 'check_violation', constraint = 'challenge_transition';
end $$;
create trigger challenge_transition before update of state on challenges
    for each row when (old.state is distinct from new.state) execute function challenge_transition();
