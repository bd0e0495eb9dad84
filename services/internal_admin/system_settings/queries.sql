-- Statements of the system settings. Lock order: settings, then domain_revocations.

-- name: read_settings
-- Every setting. Columns by name: a newer release may have added some.
select * from settings;

-- name: lock_settings
-- The same, and locks the one row, so that changes follow each other.
select * from settings for update;

-- name: write_settings
-- Writes all settings under the next version. Run it holding the row's lock.
update settings
   set version = version + 1, session_limit = $1, session_limit_policy = $2, session_max_age = $3,
       require_client_key_proof = $4, challenge_retention = $5, known_network_retention = $6,
       revoked_session_retention = $7, expired_block_retention = $8, blocked_email_domains = $9,
       allowed_email_domains = $10, operator_password_min_length = $11, audit_retention = $12
returning version;

-- name: write_settings_change
-- Who changed what, for the history.
insert into settings_changes (version, name, old_value, new_value, actor_type, actor_id)
values ($1, $2, $3, $4, $5, $6);

-- name: list_settings_changes
-- What was changed, newest first, at most $1.
select changed_at, version, name, old_value, new_value, actor_type, actor_id
  from settings_changes
 order by settings_change_id desc
 limit $1;
