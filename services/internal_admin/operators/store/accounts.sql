-- Statements of operators' accounts. Lock order: owner_setup, operators, operator_sessions, api_tokens.

-- name: read_account
-- The account of a user name or of an id, without a lock; one parameter is null.
select operator_id, user_name, email, password_hash, password_changed_at, recovery_code_hashes,
       disabled_at is not null as is_disabled, operator_password_min_length
  from operators, settings
 where user_name = :user_name or operator_id = :operator_id;

-- name: lock_account
-- The facts that decide whether an operator is let in, with the instant. Locks: operators.
select operator_id, user_name, is_owner, password_changed_at, recovery_code_hashes, failed_logins, locked_until,
       disabled_at is not null as is_disabled, clock_now() as now
  from operators where operator_id = :operator_id
   for update;

-- name: write_login
-- The result of a log-in: failures, lock, and a hash at today's cost if there is a new one. Locks: operators.
update operators
   set failed_logins = :failed_logins, locked_until = :locked_until, password_hash = coalesce(:password_hash, password_hash)
 where operator_id = :operator_id;

-- name: write_password
-- Writes a new password; the count of wrong ones begins anew. Locks: operators.
update operators set password_hash = :password_hash, password_changed_at = clock_now(), failed_logins = 0, locked_until = null
 where operator_id = :operator_id;

-- name: write_recovery_codes
-- Replaces all recovery codes of an operator. Locks: operators.
update operators set recovery_code_hashes = :recovery_code_hashes, recovery_codes_made_at = clock_now()
 where operator_id = :operator_id;

-- name: count_recovery_codes
-- The number of an operator's recovery codes, and when they were made.
select cardinality(recovery_code_hashes) as unused_count, recovery_codes_made_at as made_at
  from operators where operator_id = :operator_id;

-- name: lock_open_session
-- Whether a session is not revoked. It cannot be revoked until this transaction ends. Locks: operator_sessions.
select true from operator_sessions
 where operator_session_id = :operator_session_id and operator_id = :operator_id and revoked_at is null
   for update;
