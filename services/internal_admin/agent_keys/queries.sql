-- Lock order everywhere: emails, then subjects, then device_sessions, then the rest. The row of the agent is locked before
-- (sessions.store.lock_agent), so registrations, revocations and pauses of one agent follow each other.

-- name: read_active_pools
-- The pools of the agent's active version. No row: it has none.
select subject_versions.pools from subjects join subject_versions using (subject_id)
 where subject_id = :agent_id and version = active_version;

-- name: read_sessions
-- All that the decision on a new session needs.
select (select device_session_id from device_sessions
         where user_id = :agent_id and status = 'active' and client_public_key = :client_public_key
           and created_at > clock.now - session_max_age
         order by created_at desc limit 1) as with_key,
       count(device_session_id) as active,
       count(device_session_id) filter (where created_at > clock.now - session_max_age) as living,
       session_limit, session_limit_policy
  from (select clock_now() as now, session_limit, session_limit_policy, session_max_age from settings) clock
  left join device_sessions on user_id = :agent_id and status = 'active'
 group by clock.now, session_limit, session_limit_policy, session_max_age;

-- name: insert_session
-- Opens a session and queues its gateway record. Locks: device_sessions.
with opened as (
    insert into device_sessions (device_session_id, user_id, client_public_key, created_at)
    values (:device_session_id, :agent_id, :client_public_key, clock_now())
    returning *
), queued as (
    insert into projection_outbox (device_session_id, enqueued_at, available_at)
    select device_session_id, created_at, created_at + interval '2 seconds' from opened
    returning outbox_id, device_session_id
)
select * from opened join queued using (device_session_id);

-- name: revoke_oldest
-- Revokes the oldest active sessions of the agent, so that `session_limit` are left, and queues their gateway records.
-- Run it after insert_session. Locks: device_sessions.
with revoked as (
    update device_sessions
       set status = 'revoked', revoked_at = (select clock_now()), revoke_reason_code = 'session_limit',
           revoke_actor_type = 'system'
     where device_session_id = any (array(
         select device_session_id from device_sessions
          where user_id = :agent_id and status = 'active'
            and created_at > (select clock_now() - session_max_age from settings)
          order by created_at desc, device_session_id desc
         offset (select session_limit from settings)))
    returning *
), queued as (
    insert into projection_outbox (device_session_id, enqueued_at, available_at)
    select device_session_id, revoked_at, revoked_at + interval '2 seconds' from revoked
    returning outbox_id, device_session_id
)
select * from revoked join queued using (device_session_id);

-- name: read_pending_revocations
-- Outbox rows of the agent's revoked sessions that no relay has settled, oldest first, at most :limit.
select projection_outbox.outbox_id, device_sessions.*
  from projection_outbox join device_sessions using (device_session_id)
 where user_id = :agent_id and status = 'revoked'
 order by projection_outbox.outbox_id limit :limit;
