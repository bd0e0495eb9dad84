-- Statements of values of secrets. Lock order: the scope's names, then secrets by id.

-- name: lock_scope
-- Creations in one scope follow each other, so that their number and their names are exact. Run it before secrets are
-- locked.
select pg_advisory_xact_lock(hashtextextended('secrets ' || :scope_kind || ' ' || :scope_id, 0));

-- name: find_secret
-- The secret of a scope that has the name and is not deleted. Locks nothing.
select * from secrets
 where scope_kind = :scope_kind and scope_id = :scope_id and name = :name and deleted_at is null;

-- name: lock_secret
-- One secret, deleted or not. Its changes follow each other, and an activation that names it waits. Locks: secrets.
select * from secrets where secret_id = :secret_id for no key update;

-- name: lock_secrets
-- These secrets, by id. Locks: secrets.
select from secrets where secret_id = any (:secret_ids::text[]) order by secret_id for no key update;

-- name: lock_secrets_of
-- The secrets of a scope that are not deleted, by id. Locks: secrets.
select * from secrets
 where scope_kind = :scope_kind and scope_id = :scope_id and deleted_at is null
 order by secret_id
   for no key update;

-- name: count_secrets
-- How many secrets of the scope are not deleted. Run it after lock_scope.
select count(*) from secrets where scope_kind = :scope_kind and scope_id = :scope_id and deleted_at is null;

-- name: insert_secret
-- Makes a secret without a version. Run it after lock_scope.
insert into secrets (secret_id, scope_kind, scope_id, name, usage, created_at, updated_at)
select :secret_id, :scope_kind, :scope_id, :name, :usage, now.instant, now.instant
  from (select clock_now() as instant) as now
returning *;

-- name: insert_version
-- Adds a version. Run it holding the secret's lock.
insert into secret_versions (secret_id, version, state, key_id, wrapped_key, ciphertext, created_by, created_at)
values (:secret_id, :version, 'enabled', :key_id, :wrapped_key, :ciphertext, :created_by, clock_now());

-- name: write_last_version
-- Notes the last version; it becomes current if :is_current. Run it holding the secret's lock.
update secrets
   set last_version = :version, updated_at = clock_now(),
       current_version = case when :is_current::boolean then :version else current_version end
 where secret_id = :secret_id;

-- name: write_current_versions
-- Makes these versions current if every one of them is enabled, else none; returns their secrets. Run it holding the
-- secrets' locks.
with enabled as (
    select secret_id, version
      from unnest(:secret_ids::text[], :versions::integer[]) as wanted (secret_id, version)
      join secret_versions using (secret_id, version)
     where state = 'enabled'
)
update secrets set current_version = version, updated_at = clock_now()
  from enabled
 where secrets.secret_id = enabled.secret_id
   and (select count(*) from enabled) = cardinality(:secret_ids)
returning secrets.secret_id;

-- name: destroy_versions
-- Erases these versions, of those that are not destroyed; returns them. Run it holding the secret's lock.
update secret_versions set state = 'destroyed', wrapped_key = null, ciphertext = null
 where secret_id = :secret_id and version = any (:versions::integer[]) and state <> 'destroyed'
returning version;

-- name: clear_current_version
-- After a destruction no destroyed version is current. Returns the id if one was. Run it holding the secret's lock.
update secrets set current_version = 0, updated_at = clock_now()
 where secret_id = :secret_id and current_version = any (:versions::integer[])
returning secret_id;

-- name: destroy_old_versions
-- Erases all but the newest versions, as many as the setting says; the current one stays. Run it holding the secret's
-- lock.
update secret_versions set state = 'destroyed', wrapped_key = null, ciphertext = null
 where secret_id = :secret_id and state <> 'destroyed' and version <> :current_version
   and version not in (
           select version from secret_versions
            where secret_id = :secret_id and state <> 'destroyed'
            order by version desc
            limit (select secret_versions_kept from settings));

-- name: disable_versions
-- Disables the enabled versions of secrets that are deleted. Run it holding their locks.
update secret_versions set state = 'disabled' where secret_id = any (:secret_ids::text[]) and state = 'enabled';

-- name: write_deleted
-- Deletes secrets. Run it holding their locks.
update secrets set deleted_at = now.instant, updated_at = now.instant
  from (select clock_now() as instant) as now
 where secret_id = any (:secret_ids::text[]);

-- name: read_versions
-- The sealed bytes of these versions with their places, in one snapshot. Locks nothing.
select secrets.secret_id, scope_kind, scope_id, name, version, state, key_id, wrapped_key, ciphertext
  from unnest(:secret_ids::text[], :versions::integer[]) as wanted (secret_id, version)
  join secrets using (secret_id)
  join secret_versions using (secret_id, version);
