-- Statements about values that end by themselves or with a lost key.

-- name: lock_aged_secrets
-- Secrets that were deleted seven days ago and still have a value. Locks: secrets by id, without waiting.
select secret_id
  from secrets
 where deleted_at <= clock_now() - interval '7 days'
   and exists (select from secret_versions
                where secret_versions.secret_id = secrets.secret_id and state <> 'destroyed')
 order by secret_id
 limit :limit
   for no key update skip locked;

-- name: destroy_all_versions
-- Erases every version of these secrets; returns those that were not destroyed. Run it holding the secrets' locks.
with gone as (
    update secrets set current_version = 0, updated_at = clock_now() where secret_id = any (:secret_ids::text[])
)
update secret_versions set state = 'destroyed', wrapped_key = null, ciphertext = null
 where secret_id = any (:secret_ids::text[]) and state <> 'destroyed'
returning secret_id, version;

-- name: find_secret_of_key
-- A secret with versions that this key wraps. Locks nothing.
select secret_id from secret_versions
 where state <> 'destroyed' and key_id = :key_id
 order by secret_id limit 1;

-- name: lock_versions_of_key
-- The versions of a secret that this key wraps still, once the lock is held. Locks: secret_versions.
select version from secret_versions
 where secret_id = :secret_id and state <> 'destroyed' and key_id = :key_id
 order by version
   for no key update;
