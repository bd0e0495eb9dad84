-- The public role cannot change a session that exists. Policy 'revoke_oldest' needs exactly one such
-- change, so it has exactly one door: this function, which does nothing the policy does not ask for.

-- Revokes the oldest active sessions of a user until `session_limit` are left. Call it after the new session is written,
-- while the e-mail's row is locked.
create function revoke_oldest_sessions(for_user_id text) returns setof device_sessions
language plpgsql security definer set search_path from current as $$
declare
    chosen settings%rowtype;
    now timestamptz := clock_now();
begin
    select * into chosen from settings;
    if chosen.session_limit = 0 or chosen.session_limit_policy <> 'revoke_oldest' then
        raise exception 'the session limit policy is not revoke_oldest' using errcode = 'insufficient_privilege';
    end if;
    return query
        update device_sessions set
            status = 'revoked', revoked_at = now, revoke_reason_code = 'session_limit', revoke_actor_type = 'system'
         where device_session_id in (
             select device_session_id from device_sessions
              where user_id = for_user_id and status = 'active' and created_at > now - chosen.session_max_age
              order by created_at desc, device_session_id desc
             offset chosen.session_limit)
        returning *;
end $$;
revoke all on function revoke_oldest_sessions from public;
