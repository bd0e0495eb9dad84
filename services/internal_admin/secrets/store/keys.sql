-- Statements about the keys that wrap data keys.

-- name: count_versions_of_keys
-- The versions that need each key: all but the destroyed ones. Locks nothing.
select key_id, count(*) as versions
  from secret_versions
 where state <> 'destroyed'
 group by key_id order by key_id;

-- name: count_versions_of_other_keys
-- The versions that another key than this one wraps. Locks nothing.
select count(*) from secret_versions where state <> 'destroyed' and key_id <> :key_id;

-- name: lock_versions_of_other_keys
-- The next versions that another key than this one wraps. Locks: secret_versions by id and version, without waiting:
-- a version that somebody destroys right now is left for later.
select secret_id, scope_kind, scope_id, name, version, key_id, wrapped_key
  from secret_versions
  join secrets using (secret_id)
 where (secret_id, version) > (:after_id::text, :after_version::integer)
   and state <> 'destroyed' and key_id <> :key_id
 order by secret_id, version
 limit :limit
   for no key update of secret_versions skip locked;

-- name: write_wrapped_keys
-- Writes other wrapped keys. Run it holding the locks of the versions.
update secret_versions
   set key_id = :key_id, wrapped_key = new.wrapped_key
  from unnest(:secret_ids::text[], :versions::integer[], :wrapped_keys::bytea[])
       as new (secret_id, version, wrapped_key)
 where secret_versions.secret_id = new.secret_id and secret_versions.version = new.version;
