-- The public role cannot change a session that exists. Policy 'revoke_oldest' needs exactly one such
-- change, so it has exactly one door: this function, which does nothing the policy does not ask for.

create function revoke_oldest_sessions(
    for_user_id text, oldest text[], at timestamptz
) returns setof device_sessions
language plpgsql security definer set search_path from current as $$
declare
    kept integer;
    chosen settings%rowtype;
begin
    select * into chosen from settings;
    if chosen.session_limit = 0 or chosen.session_limit_policy <> 'revoke_oldest' then
        raise exception 'the session limit policy is not revoke_oldest' using errcode = 'insufficient_privilege';
    end if;
    select count(*) - cardinality(oldest) into kept from device_sessions
     where user_id = for_user_id and status = 'active' and created_at > at - chosen.session_max_age;
    if kept < chosen.session_limit - 1 then
        raise exception 'more sessions named than the limit asks for' using errcode = 'insufficient_privilege';
    end if;
    return query
        update device_sessions set
            status = 'revoked', revoked_at = at, revoke_reason_code = 'session_limit', revoke_actor_type = 'system'
         where user_id = for_user_id and device_session_id = any (oldest) and status = 'active'
        returning *;
end $$;
revoke all on function revoke_oldest_sessions from public;
