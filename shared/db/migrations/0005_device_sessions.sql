-- Device sessions: active -> revoked, never back (SPEC §5.1).

create table device_sessions (
    device_session_id  text primary key check (device_session_id like 'device-session-%'),
    user_id            text not null references users,
    client_public_key  bytea not null check (octet_length(client_public_key) = 32),
    login_code_id      uuid not null unique,     -- two sessions from one code are impossible
    challenge_id       text not null unique,     -- outlives the challenge's row: no foreign key
    status             text not null default 'active' check (status in ('active', 'revoked')),
    created_at         timestamptz not null,
    revoked_at         timestamptz,
    revoke_reason_code text check (revoke_reason_code ~ '^[a-z0-9_]{1,64}$'),
    revoke_actor_type  text check (revoke_actor_type ~ '^[a-z0-9_]{1,32}$'),
    revoke_actor_id    text,
    check (case status when 'active'
           then num_nonnulls(revoked_at, revoke_reason_code, revoke_actor_type, revoke_actor_id) = 0
           else num_nonnulls(revoked_at, revoke_reason_code, revoke_actor_type) = 3 end)
) with (fillfactor = 90);
create index device_sessions_user on device_sessions (user_id, created_at desc, device_session_id);
create index device_sessions_active_user on device_sessions (user_id, created_at) where status = 'active';
create index device_sessions_active on device_sessions (created_at, device_session_id) where status = 'active';
create index device_sessions_revoked on device_sessions (revoked_at, device_session_id) where status = 'revoked';

create function device_session_only_revoked() returns trigger language plpgsql as $$
begin
    if old.status = 'active' and new.status = 'revoked'
       and (old.device_session_id, old.user_id, old.client_public_key, old.login_code_id, old.challenge_id, old.created_at)
         = (new.device_session_id, new.user_id, new.client_public_key, new.login_code_id, new.challenge_id, new.created_at)
    then
        return new;
    end if;
    raise exception 'a device session can only be revoked, once'
        using errcode = 'check_violation', constraint = 'device_session_only_revoked';
end $$;
create trigger device_session_only_revoked before update on device_sessions
    for each row execute function device_session_only_revoked();
