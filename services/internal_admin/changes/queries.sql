-- Statements of mutations under an Idempotency-Key. The key is locked before everything else.

-- name: lock_key
-- Requests under one key follow each other: the next one's statements see what this one committed.
select pg_advisory_xact_lock(hashtextextended('idempotency ' || $1 || ' ' || encode($2, 'hex'), 0));

-- name: read_answer
-- What the holder $1 was answered under the key $2 in the last 24 hours. The release before kept answers under the
-- caller's name $3 alone: such an answer counts for the same request $4.
select request_hash, request_id, status, body, device_session_ids
  from idempotency_keys
 where (caller = $1 or (caller = $3 and request_hash = $4)) and key_hash = $2
   and created_at > clock_now() - interval '24 hours'
 order by caller = $1 desc
 limit 1;

-- name: write_answer
-- Keeps an answer, in the place of one that is too old. Locks: idempotency_keys.
insert into idempotency_keys (caller, key_hash, request_hash, request_id, status, body, device_session_ids, created_at)
values ($1, $2, $3, $4, $5, $6, $7, clock_now())
on conflict (caller, key_hash) do update
   set request_hash = excluded.request_hash, request_id = excluded.request_id, status = excluded.status,
       body = excluded.body, device_session_ids = excluded.device_session_ids, created_at = excluded.created_at;

-- name: read_pending_changes
-- Projection work of the sessions $1 that is not done, with the sessions as they are now; from after the row $2, at most $3.
select projection_outbox.outbox_id, device_sessions.*
  from projection_outbox join device_sessions using (device_session_id)
 where device_session_id = any ($1::text[]) and projection_outbox.outbox_id > $2
 order by projection_outbox.outbox_id limit $3;
