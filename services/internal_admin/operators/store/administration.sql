-- Statements of the command line, which runs as the schema's owner. Lock order: operators, operator_sessions, api_tokens.

-- name: list_operators
-- All operators by their creation. A lockout that is over does not count.
select operator_id, user_name, is_owner, created_at, disabled_at,
       case when locked_until > clock_now() then locked_until end as locked_until
  from operators order by created_at, operator_id;

-- name: lock_named_operator
-- The operator of a user name or id. Locks: operators.
select operator_id, user_name, disabled_at is not null as is_disabled
  from operators where user_name = :name or operator_id = :name
   for update;

-- name: disable_operator
-- The operator's sessions and tokens are refused from the next request on. Locks: operators.
update operators set disabled_at = clock_now() where operator_id = :operator_id;

-- name: enable_operator
-- The operator may log in again; the lock ends, and the count of wrong passwords begins anew. Locks: operators.
update operators set disabled_at = null, failed_logins = 0, locked_until = null where operator_id = :operator_id;
