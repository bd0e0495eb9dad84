-- Device sessions of agents (SPEC §19.3). No code and no challenge led to one, so only an agent's session lacks both.

alter table device_sessions alter login_code_id drop not null, alter challenge_id drop not null;
-- `not valid`: the table is not read while everybody waits for it. 0079 reads it, while sessions are made and revoked.
alter table device_sessions add constraint device_sessions_of_agents
    check (case when user_id ~ '^agent-[0-9a-z]{26}$'
           then num_nonnulls(login_code_id, challenge_id) = 0
           else num_nonnulls(login_code_id, challenge_id) = 2 end) not valid;

-- The public role confirms codes. It may not open a session without one.
create function agent_session_is_not_public() returns trigger language plpgsql as $$
begin
    raise exception 'only the internal process opens sessions of agents'
        using errcode = 'insufficient_privilege';
end $$;
create trigger agent_session_is_not_public before insert on device_sessions
    for each row when (session_user = 'authsession_public' and (new.login_code_id is null or new.challenge_id is null))
    execute function agent_session_is_not_public();

-- As before, but null equals null.
create or replace function device_session_only_revoked() returns trigger language plpgsql as $$
begin
    if old.status = 'active' and new.status = 'revoked'
       and (old.device_session_id, old.user_id, old.client_public_key, old.login_code_id, old.challenge_id, old.created_at)
           is not distinct from
           (new.device_session_id, new.user_id, new.client_public_key, new.login_code_id, new.challenge_id, new.created_at)
    then
        return new;
    end if;
    raise exception 'a device session can only be revoked, once'
        using errcode = 'check_violation', constraint = 'device_session_only_revoked';
end $$;
