-- Which keys what is stored still needs, and how much of it, by ring.

-- name: read_needed_login_code_keys
-- Without its key a code that lives cannot be checked.
select key_id, count(*) as needing
  from authsession.login_codes
 where ended_at is null and expires_at > (select authsession.clock_now())
 group by key_id order by key_id;

-- name: read_needed_sealing_keys
-- Without its key a code that waits for its mail cannot be mailed.
select seal_key_id as key_id, count(*) as needing
  from authsession.login_codes
 where sealed_code is not null and expires_at > (select authsession.clock_now())
 group by seal_key_id order by key_id;

-- name: read_needed_audit_keys
-- Without its key a sealed row cannot be verified, nor removed when its time is over; the checkpoint is one of them.
select key_id, count(*) as needing
  from (select key_id from authsession.audit_seal
        union all
        select key_id from authsession.audit_checkpoint where key_id is not null) as made
 group by key_id order by key_id;
