-- Whoever holds the public role's connection can lock what its statements lock, and write what they write: not longer than a
-- second while another waits, and not in another's name or at another time.

-- Ends the public role's back ends in this database that let another role wait for a lock for longer than `patience`; returns
-- how many. Never ends anybody else's, whatever it is asked.
create function end_public_blockers(patience interval) returns bigint
language sql security definer volatile set search_path from current
begin atomic
    select count(*) filter (where pg_terminate_backend(guilty.pid))
      from (select distinct blocker.pid
              from pg_locks waiting
              join pg_stat_activity waiter
                on waiter.pid = waiting.pid and waiter.datname = current_database()
               and waiter.usename <> 'authsession_public'
             cross join lateral unnest(pg_blocking_pids(waiting.pid)) as blocking (pid)
              join pg_stat_activity blocker
                on blocker.pid = blocking.pid and blocker.datname = current_database()
               and blocker.usename = 'authsession_public'
             where not waiting.granted
               and waiting.waitstart < clock_timestamp() - greatest(patience, interval '1 second')) as guilty;
end;
revoke all on function end_public_blockers from public;

-- The trail says who wrote a row, whatever the row says.
create function audited_by_public() returns trigger language plpgsql as $$
begin
    new.caller := 'public';
    return new;
end $$;
create trigger audited_by_public before insert on audit_events
    for each row when (session_user = 'authsession_public' and new.caller <> 'public') execute function audited_by_public();

-- The clock of functions that run with the owner's rights: the offset of tests counts only where the database's owner set it,
-- never one of the caller's session or role.
create function owners_clock() returns timestamptz
language sql volatile security definer set search_path from current
begin atomic
    select clock_timestamp() + coalesce((
        select nullif(split_part(setting, '=', 2), '')::interval
          from pg_db_role_setting cross join lateral unnest(setconfig) as setting
         where setdatabase = (select oid from pg_database where datname = current_database()) and setrole = 0
           and setting like 'authsession.clock_offset=%'), interval '0');
end;
revoke all on function owners_clock from public;

create or replace function revoke_oldest_sessions(for_user_id text) returns setof device_sessions
language plpgsql security definer set search_path from current as $$
declare
    chosen settings%rowtype;
    now timestamptz := owners_clock();
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
