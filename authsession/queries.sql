-- name: read_settings
-- Every setting.
select session_limit, session_limit_policy, session_max_age, require_client_key_proof,
       challenge_retention, known_network_retention, revoked_session_retention, expired_block_retention
  from settings;

-- name: lock_settings
-- Locks the one row, so that changes follow each other.
select version, session_limit, session_limit_policy, session_max_age, require_client_key_proof,
       challenge_retention, known_network_retention, revoked_session_retention, expired_block_retention
  from settings for update;

-- name: write_settings
-- Writes all settings under the next version. Run it holding the row's lock.
update settings
   set version = version + 1, session_limit = $1, session_limit_policy = $2, session_max_age = $3,
       require_client_key_proof = $4, challenge_retention = $5, known_network_retention = $6,
       revoked_session_retention = $7, expired_block_retention = $8
returning version;

-- name: write_settings_change
-- Who changed what, for the history.
insert into settings_changes (version, name, old_value, new_value, actor_type, actor_id)
values ($1, $2, $3, $4, $5, $6);

-- name: read_finished_deliveries
-- What became of each send since $1, with the code as long as it lives.
select d.delivery_id, d.challenge_id, d.email, d.state, d.reason, d.finished_at,
       c.login_code_id, c.sealed_code, c.seal_key_id
  from mail_deliveries d left join login_codes c using (login_code_id)
 where d.finished_at >= $1
 order by d.finished_at, d.delivery_id;

-- name: read_clock
-- The time that decides.
select clock_now();
