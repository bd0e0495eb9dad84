-- Statements of mutations under an Idempotency-Key. The key is locked before everything else.

-- name: lock_key
-- Requests under one key follow each other, and each sees everything that the one before committed.
select pg_advisory_xact_lock(hashtextextended('idempotency ' || :holder || ' ' || encode(:key_hash, 'hex'), 0));

-- name: read_answer
-- The answer that :holder was given under the key in the last 24 hours. The release before kept answers under the name of
-- :caller alone: such an answer counts for the same request.
select request_hash, request_id, status, body, device_session_ids
  from idempotency_keys
 where (caller = :holder or (caller = :caller and request_hash = :request_hash)) and key_hash = :key_hash
   and created_at > clock_now() - interval '24 hours'
 order by caller = :holder desc
 limit 1;

-- name: write_answer
-- Keeps an answer. It replaces one that is too old. Locks: idempotency_keys.
insert into idempotency_keys (caller, key_hash, request_hash, request_id, status, body, device_session_ids, created_at)
values (:holder, :key_hash, :request_hash, :request_id, :status, :body, :device_session_ids, clock_now())
on conflict (caller, key_hash) do update
   set request_hash = excluded.request_hash, request_id = excluded.request_id, status = excluded.status,
       body = excluded.body, device_session_ids = excluded.device_session_ids, created_at = excluded.created_at;

-- name: read_pending_changes
-- Outbox rows of these sessions that wait, with the sessions as they are now; after :after_outbox_id, at most :limit.
select projection_outbox.outbox_id, device_sessions.*
  from projection_outbox join device_sessions using (device_session_id)
 where device_session_id = any (:device_session_ids::text[]) and projection_outbox.outbox_id > :after_outbox_id
 order by projection_outbox.outbox_id limit :limit;
