-- Lock order everywhere: emails, then subjects, then device_sessions, then the rest. An agent has no address: its row in
-- subjects stands for it.

-- name: lock_email
-- The row of a case-folded address. It is made if new; otherwise its version rises. Locks: emails.
insert into emails (folded, created_at) values (:folded, clock_now())
on conflict (folded) do update set version = emails.version + 1
returning email_id;

-- name: lock_email_of_user
-- The row of the user's address; its version rises. No row: there is no such user. Locks: emails.
update emails set version = version + 1
  from users
 where users.user_id = :user_id and emails.email_id = users.email_id
returning emails.email_id;

-- name: is_address_of_user
-- Whether the user still has the address row that they had when the lock was asked for.
select exists (select from users where user_id = :user_id and email_id = :email_id);

-- name: lock_email_of_session
-- The row of the address whose user has the session; its version rises. No row: there is no such session, or it was revoked
-- when its user was erased. Locks: emails.
update emails set version = version + 1
  from device_sessions join users using (user_id)
 where device_sessions.device_session_id = :device_session_id and emails.email_id = users.email_id
returning emails.email_id;

-- name: lock_agent
-- The row of an agent. No row: there is no such agent. Locks: subjects.
select subject_id from subjects where subject_id = :agent_id and kind = 'agent' for no key update;

-- name: lock_agent_of_session
-- The row of the agent that has the session. No row: no agent has it. Locks: subjects.
select subject_id from subjects
 where subject_id = (select user_id from device_sessions where device_session_id = :device_session_id) and kind = 'agent'
   for no key update;

-- name: revoke_session
-- Revokes one session if it is active, and queues its gateway record. Locks: device_sessions.
with revoked as (
    update device_sessions
       set status = 'revoked', revoked_at = (select clock_now()),
           revoke_reason_code = :reason_code, revoke_actor_type = :actor_type, revoke_actor_id = :actor_id
     where device_session_id = :device_session_id and status = 'active'
    returning *
), queued as (
    insert into projection_outbox (device_session_id, enqueued_at, available_at)
    select device_session_id, revoked_at, revoked_at + interval '2 seconds' from revoked
    returning outbox_id, device_session_id
)
select * from revoked join queued using (device_session_id);

-- name: revoke_sessions
-- Revokes active sessions of an address and queues their gateway records. With :user_id only those of that user, and
-- without an address those of that agent; with :kept_session_id all but that one. Newest first, then by id, after the
-- session (:after_created_at, :after_session_id), at most :limit. `chosen` is the number of sessions that were to be
-- revoked. Locks: device_sessions.
with chosen as materialized (
    select s.device_session_id from (
         select user_id from users where email_id = :email_id::bigint and user_id = coalesce(:user_id::text, user_id)
         union all
         select :user_id::text where :email_id::bigint is null
     ) owner
     cross join lateral (
         select device_session_id, created_at from device_sessions
          where user_id = owner.user_id and status = 'active'
            and device_session_id is distinct from :kept_session_id
            and created_at <= coalesce(:after_created_at::timestamptz, 'infinity')
            and (created_at < coalesce(:after_created_at::timestamptz, 'infinity') or device_session_id > :after_session_id)
          order by created_at desc, device_session_id
          limit :limit
     ) s
     order by s.created_at desc, s.device_session_id
     limit :limit
), revoked as (
    update device_sessions
       set status = 'revoked', revoked_at = (select clock_now()),
           revoke_reason_code = :reason_code, revoke_actor_type = :actor_type, revoke_actor_id = :actor_id
     where device_session_id = any (array(select device_session_id from chosen)) and status = 'active'
    returning *
), queued as (
    insert into projection_outbox (device_session_id, enqueued_at, available_at)
    select device_session_id, revoked_at, revoked_at + interval '2 seconds' from revoked
    returning outbox_id, device_session_id
)
select *, (select count(*) from chosen) as chosen
  from revoked join queued using (device_session_id)
 order by created_at desc, device_session_id;

-- name: user_has_session
-- Whether a session, active or not, belongs to the user.
select exists (select from device_sessions where user_id = :user_id and device_session_id = :device_session_id);

-- name: queue_session_again
-- Queues the gateway record of a session that did not change: a repeat writes it again (SPEC §4.3).
with queued as (
    insert into projection_outbox (device_session_id, enqueued_at, available_at)
    select device_session_id, now.instant, now.instant + interval '2 seconds'
      from device_sessions, (select clock_now() as instant) as now
     where device_session_id = :device_session_id
    returning outbox_id, device_session_id
)
select * from device_sessions join queued using (device_session_id);

-- name: read_session
-- One session by id.
select * from device_sessions where device_session_id = :device_session_id;

-- name: list_sessions
-- A user's sessions of the given states, newest first, then by id; after the session (:after_created_at, :after_session_id),
-- at most :limit.
select * from device_sessions
 where user_id = :user_id and status = any (:statuses)
   and created_at <= coalesce(:after_created_at::timestamptz, 'infinity')
   and (created_at < coalesce(:after_created_at::timestamptz, 'infinity') or device_session_id > :after_session_id)
 order by created_at desc, device_session_id
 limit :limit;

-- name: list_active_sessions
-- Active sessions only, otherwise as list_sessions: their own index makes the cost independent of how many were revoked.
select * from device_sessions
 where user_id = :user_id and status = 'active'
   and created_at <= coalesce(:after_created_at::timestamptz, 'infinity')
   and (created_at < coalesce(:after_created_at::timestamptz, 'infinity') or device_session_id > :after_session_id)
 order by created_at desc, device_session_id
 limit :limit;

-- name: read_aged_sessions
-- Active sessions older than the setting allows, oldest first, at most :limit.
select device_session_id from device_sessions
 where status = 'active' and created_at <= (select clock_now() - session_max_age from settings)
 order by created_at, device_session_id limit :limit;

-- name: read_idle_policy
-- Whether unused sessions end, whether nodes tell of last uses, and whether they have told for long enough that one could
-- be unused. A gap in the telling makes every session look unused, so only the time since the last gap counts.
select session_idle_age is not null as is_on, last_uses_told_since() is not null as is_told,
       coalesce(last_uses_told_since() <= clock_now() - session_idle_age, false) as may_end
  from settings;

-- name: page_unused_sessions
-- Active sessions created before the idle age, oldest first, after (:after_created_at, :after_session_id), at most :limit;
-- and whether each was unused for that long. A day of use counts to its end.
select s.device_session_id, s.created_at,
       coalesce((l.day + 1)::timestamp at time zone 'UTC', s.created_at) <= now.instant - session_idle_age as is_unused
  from settings cross join (select clock_now() as instant) as now
  cross join lateral (
      select device_session_id, created_at from device_sessions
       where status = 'active' and created_at <= now.instant - session_idle_age
         and (created_at, device_session_id) > (:after_created_at::timestamptz, :after_session_id::text)
       order by created_at, device_session_id limit :limit
  ) s
  left join session_last_seen l on l.device_session_id = s.device_session_id
 order by s.created_at, s.device_session_id;
