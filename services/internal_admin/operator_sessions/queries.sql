-- Statements of operators' sessions. Lock order: operators, then operator_sessions.

-- name: begin_session
-- Opens a session of an operator, for at most :life.
insert into operator_sessions (operator_session_id, operator_id, token_hash, network, user_agent,
                               created_at, renewed_at, expires_at)
select :operator_session_id, :operator_id, :token_hash, :network, :user_agent,
       now.instant, now.instant, now.instant + :life::interval
  from (select clock_now() as instant) as now
returning *;

-- name: read_session_of_token
-- The session of a token, unless it was revoked or its operator is disabled; with the instant that decides about its age.
select operator_sessions.*, operators.user_name, operators.is_owner, clock_now() as now
  from operator_sessions join operators using (operator_id)
 where token_hash = :token_hash and revoked_at is null and disabled_at is null;

-- name: read_session
-- The session of an id, unless it was revoked or its operator is disabled; with the instant that decides about its age.
select operator_sessions.*, operators.user_name, operators.is_owner, clock_now() as now
  from operator_sessions join operators using (operator_id)
 where operator_session_id = :operator_session_id and revoked_at is null and disabled_at is null;

-- name: lock_session
-- Reads a session as read_session does, and locks it for its renewal. Locks: operator_sessions.
select operator_sessions.*, operators.user_name, operators.is_owner, clock_now() as now
  from operator_sessions join operators using (operator_id)
 where operator_session_id = :operator_session_id and revoked_at is null and disabled_at is null
   for update of operator_sessions;

-- name: renew_session
-- Begins the idle life of a locked session anew; its absolute end stays.
update operator_sessions set renewed_at = :renewed_at where operator_session_id = :operator_session_id;

-- name: list_sessions
-- The live sessions of an operator, newest first: not revoked, not at their absolute end, renewed less than :idle_life ago.
select * from operator_sessions
 where operator_id = :operator_id and revoked_at is null
   and expires_at > (select clock_now()) and renewed_at > (select clock_now()) - :idle_life::interval
 order by created_at desc, operator_session_id;

-- name: revoke_session
-- Revokes one session, if it is not revoked. Locks: operator_sessions.
update operator_sessions set revoked_at = clock_now(), revoke_reason_code = :reason_code
 where operator_session_id = :operator_session_id and revoked_at is null
returning 1;

-- name: has_session_within_reach
-- Whether there is such a session, revoked or not, that the operator may revoke: one of their own, or any for the owner.
select exists (
    select from operator_sessions
     where operator_session_id = :operator_session_id
       and (operator_id = :operator_id
            or exists (select from operators where operators.operator_id = :operator_id and is_owner)));

-- name: revoke_sessions_of_operator
-- Revokes each session of an operator, except :kept_session_id if given. Returns their number. Locks: operator_sessions.
with revoked as (
    update operator_sessions set revoked_at = clock_now(), revoke_reason_code = :reason_code
     where operator_id = :operator_id and operator_session_id is distinct from :kept_session_id and revoked_at is null
    returning 1)
select count(*) from revoked;

-- name: has_owner
-- Whether the installation has an owner.
select exists (select from operators where is_owner);
