-- Statements of the gateway projection. Only the statements that resolve conflicts change sessions, and only the
-- internal role may run those. Lock order: emails, then subjects, then device_sessions, then the rest.

-- name: claim_changes
-- Leases rows that no relay settled in time for :lease, oldest first, at most :limit. Each comes with its session as it
-- is now; the columns are null if retention removed it.
-- Locks: projection_outbox, skipping rows that another relay holds.
with due as (
    select outbox_id from projection_outbox
     where available_at <= (select clock_now())
     order by available_at
     limit :limit
       for update skip locked
), claimed as (
    update projection_outbox
       set available_at = (select clock_now()) + :lease::interval
      from due
     where projection_outbox.outbox_id = due.outbox_id
    returning projection_outbox.outbox_id, projection_outbox.device_session_id as claimed_session_id
)
select claimed.outbox_id, device_sessions.*
  from claimed left join device_sessions on device_sessions.device_session_id = claimed.claimed_session_id
 order by claimed.outbox_id;

-- name: release_changes
-- Ends the lease of rows that could not be published. Locks: projection_outbox.
update projection_outbox set available_at = (select clock_now()) where outbox_id = any (:outbox_ids::bigint[]);

-- name: settle_changes
-- Removes published rows. Locks: projection_outbox.
delete from projection_outbox where outbox_id = any (:outbox_ids::bigint[]);

-- name: read_backlog
-- The number of waiting rows, and the age of the oldest.
select count(*) as changes,
       coalesce(extract(epoch from (select clock_now()) - min(enqueued_at)), 0)::float8 as oldest_seconds
  from projection_outbox;

-- name: read_sessions
-- Sessions by id, in no order.
select * from device_sessions where device_session_id = any (:device_session_ids::text[]);

-- name: note_conflicts
-- Notes sessions that are active here and revoked at the gateway. Locks: projection_conflicts.
insert into projection_conflicts (device_session_id, noted_at)
select unnest(:device_session_ids::text[]), (select clock_now())
on conflict do nothing;

-- name: read_epoch
-- The epoch to write under, and the life of active records in it.
select epoch, session_max_age from projection_keeper;

-- name: read_keeper
-- The keeper's last state, beside the present clock, timeline, start of the server and setting. Columns are named,
-- because a newer release may have added some.
select epoch, state, beat, run_id, timeline, postgres_started_at, projection_keeper.session_max_age, rebuild_requested,
       (extract(epoch from (select clock_now())) * 1000)::bigint as now_ms,
       substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) as timeline_now,
       pg_postmaster_start_time() as postgres_started_at_now,
       settings.session_max_age as session_max_age_now
  from projection_keeper cross join settings;

-- name: comes_before_the_keeper
-- Whether a public process keeps, and the caller is an internal one.
select comes_before_the_keeper();

-- name: write_epoch
-- Begins an epoch, whose rebuild is still to do. Locks: projection_keeper.
update projection_keeper
   set epoch = :epoch, state = 'rebuilding', beat = :beat, run_id = :run_id, timeline = :timeline, session_max_age = :session_max_age,
       postgres_started_at = :postgres_started_at, rebuild_requested = false;

-- name: write_beat
-- Writes a beat, which says that every change before it is in Redis. Locks: projection_keeper.
update projection_keeper set beat = :beat, state = :state where epoch = :epoch;

-- name: request_rebuild
-- Asks the keeper for a new epoch. Locks: projection_keeper.
update projection_keeper set rebuild_requested = true;

-- name: page_revoked
-- Revoked sessions after (:revoked_at, :device_session_id), oldest revocation first, at most :limit.
select * from device_sessions
 where status = 'revoked' and (revoked_at, device_session_id) > (:revoked_at, :device_session_id::text)
 order by revoked_at, device_session_id
 limit :limit;

-- name: page_active
-- Active sessions after (:created_at, :device_session_id), oldest first, at most :limit.
select * from device_sessions
 where status = 'active' and (created_at, device_session_id) > (:created_at, :device_session_id::text)
 order by created_at, device_session_id
 limit :limit;

-- name: read_unknown
-- The ids, of those given, that no session has.
select id from unnest(:ids::text[]) as id
 where not exists (select from device_sessions where device_session_id = id);

-- name: read_unexpected
-- The ids, of those given, that no walk over sessions meets: without a session, or with one whose record has expired.
-- :active_life is the life of active records, :revoked_life that of revoked ones.
select id from unnest(:ids::text[]) as id
 where not exists (
    select from device_sessions
     where device_session_id = id
       and case status when 'active' then created_at > (select clock_now()) - :active_life::interval
                       else revoked_at > (select clock_now()) - :revoked_life::interval end);

-- name: read_waiting
-- The sessions, of those given, with a change that no relay has settled yet.
select distinct device_session_id from projection_outbox where device_session_id = any (:device_session_ids::text[]);

-- name: hold_guard
-- Takes or renews the guard's lease for :holder, and stores :stream_position unless it is null. Returns no row if
-- another process holds the lease. Locks: projection_guard.
update projection_guard
   set holder = :holder, held_until = (select clock_now()) + :lease::interval, stream_position = coalesce(:stream_position, stream_position)
 where holder = :holder or held_until <= (select clock_now())
returning stream_position;

-- name: read_conflicts
-- The oldest conflicts, at most :limit.
select device_session_id from projection_conflicts order by noted_at limit :limit;

-- name: delete_conflicts
-- Removes conflicts that are resolved or were none. Locks: projection_conflicts.
delete from projection_conflicts where device_session_id = any (:device_session_ids::text[]);

-- name: lock_emails_of_sessions
-- Locks the rows of the addresses whose users have these sessions, in the order of their ids. Locks: emails.
select email_id from emails
 where email_id in (select users.email_id from device_sessions join users using (user_id)
                     where device_session_id = any (:device_session_ids::text[]))
 order by email_id
   for no key update;

-- name: bump_emails
-- Raises the version of addresses, so that decisions on the old one are made again (SPEC §3.7). Locks: emails.
update emails set version = version + 1 where email_id = any (:email_ids::bigint[]);

-- name: lock_agents_of_sessions
-- Locks the rows of the agents that have these sessions, in the order of their ids. Locks: subjects.
select subject_id from subjects
 where kind = 'agent' and subject_id in (select user_id from device_sessions
                                          where device_session_id = any (:device_session_ids::text[]))
 order by subject_id
   for no key update;

-- name: revoke_sessions
-- Revokes the active ones of these sessions in the name of the system, and queues their gateway records.
-- Locks: device_sessions.
with revoked as (
    update device_sessions
       set status = 'revoked', revoked_at = (select clock_now()), revoke_reason_code = :reason_code, revoke_actor_type = 'system'
     where device_session_id = any (:device_session_ids::text[]) and status = 'active'
    returning *
), queued as (
    insert into projection_outbox (device_session_id, enqueued_at, available_at)
    select device_session_id, revoked_at, revoked_at from revoked
)
select * from revoked;
