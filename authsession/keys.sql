-- Counts, for each ring, the rows that still need each key.

-- name: read_needed_login_code_keys
-- A live code cannot be checked without the key that hashed it.
select key_id, count(*) as needing
  from authsession.login_codes
 where ended_at is null and expires_at > (select authsession.clock_now())
 group by key_id order by key_id;

-- name: read_needed_sealing_keys
-- A code that waits for its mail cannot be mailed without the key that sealed it.
select seal_key_id as key_id, count(*) as needing
  from authsession.login_codes
 where sealed_code is not null and expires_at > (select authsession.clock_now())
 group by seal_key_id order by key_id;

-- name: read_needed_audit_keys
-- A seal cannot be verified, nor removed by retention, without the key that made it. The checkpoint is such a seal.
select key_id, count(*) as needing
  from (select key_id from authsession.audit_seal
        union all
        select key_id from authsession.audit_checkpoint where key_id is not null) as made
 group by key_id order by key_id;
