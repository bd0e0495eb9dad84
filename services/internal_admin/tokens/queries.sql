-- Statements of API tokens. Lock order: operators, then operator_sessions, then api_tokens.

-- name: lock_creator
-- The operator who makes a token, unless disabled. Disabling the operator, or a recovery that ends their sessions, waits.
-- Locks: operators.
select 1 from operators where operator_id = :operator_id and disabled_at is null for share;

-- name: has_live_session
-- Whether a session of that operator is not revoked. Run it after lock_creator: its snapshot is younger than the lock.
select exists (
    select from operator_sessions
     where operator_session_id = :operator_session_id and operator_id = :operator_id and revoked_at is null);

-- name: insert_token
-- Makes a token that lives for :life from now on.
insert into api_tokens (token_id, name, prefix, token_hash, scopes, created_by, created_at, expires_at)
select :token_id, :name, :prefix, :token_hash, :scopes, :created_by, now.instant, now.instant + :life::interval
  from (select clock_now() as instant) as now
returning *, 'active' as status;

-- name: read_token
-- The token of a secret, by its hash, if it lives and its creator is not disabled. `is_use_due`: its last use was kept a
-- minute ago or longer.
select token_id, scopes, last_used_at is null or last_used_at < now.instant - interval '1 minute' as is_use_due
  from api_tokens left join operators on operator_id = created_by, (select clock_now() as instant) as now
 where token_hash = :token_hash and revoked_at is null and expires_at > now.instant and disabled_at is null;

-- name: list_tokens
-- Tokens, newest first, after :after_token_id (null: from the newest on), at most :limit.
select *, case when revoked_at is not null then 'revoked' when expires_at <= clock_now() then 'expired' else 'active' end
              as status
  from api_tokens
 where :after_token_id::text is null or token_id < :after_token_id
 order by token_id desc
 limit :limit;

-- name: revoke_token
-- Revokes one token, if it is not revoked. Locks: api_tokens.
update api_tokens set revoked_at = clock_now(), revoke_reason_code = :reason_code
 where token_id = :token_id and revoked_at is null
returning 1;

-- name: has_token
-- Whether there is such a token, revoked or not.
select exists (select from api_tokens where token_id = :token_id);

-- name: revoke_tokens_of
-- Revokes each token that an operator made. Returns their number. Locks: api_tokens.
with revoked as (
    update api_tokens set revoked_at = clock_now(), revoke_reason_code = :reason_code
     where created_by = :operator_id and revoked_at is null
    returning 1)
select count(*) from revoked;

-- name: keep_last_use
-- Notes that tokens were used now, at most once a minute for each. It waits for no lock, so it is part of no deadlock.
-- Locks: api_tokens.
update api_tokens set last_used_at = now.instant
  from (select clock_now() as instant) as now
 where token_id in (
           select token_id from api_tokens where token_id = any (:token_ids)
              for no key update skip locked)
   and (last_used_at is null or last_used_at < now.instant - interval '1 minute');
