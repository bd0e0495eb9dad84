-- Statements about the secrets that manifests name. Lock order: subjects, then secrets by id, then node_pools by name.

-- name: lock_secrets
-- The secrets that a version names, and those granted to :pools. Nobody changes one of them until the transaction ends. Run
-- it before the pools are locked. Locks: shares of secrets, by id.
with named as (
    select secret_id from subject_version_secrets where subject_id = :subject_id and version = :version::int
)
select secret_id, name, secret_id in (select secret_id from named) as is_named
  from secrets
 where secret_id in (select secret_id from named)
    or secret_id in (select secret_id from secret_grants
                      where grantee_kind = 'pool' and grantee_id = any (:pools::text[]))
 order by secret_id for share of secrets;

-- name: list_references
-- The secrets that nodes may open, for each place: a pool with some versions in it. Each is named with its reader. The
-- gateway may open the secrets of the pool and those granted to it. A subject may open what its version names, if that
-- is its own, granted to it or to the pool, of the pool, or of a connection. A secret that is deleted, or whose current
-- version is not enabled, is named for nobody. With :secret_ids only these. Run it holding the pools' locks.
with places as (
    select * from unnest(:places::int[], :pools::text[]) as place (place, pool)
), granted as (
    select place, secret_id from places join secret_grants on grantee_kind = 'pool' and grantee_id = pool
), openable as (
    select place, secret_id, 'gateway' as reader
      from places join secrets on scope_kind = 'pool' and scope_id = pool and deleted_at is null
    union
    select place, secret_id, 'gateway' from granted join secrets using (secret_id) where usage = 'grantable'
    union
    select place, secret_id, subject_id
      from unnest(:named_places::int[], :subject_ids::text[], :versions::int[]) as named (place, subject_id, version)
      join places using (place)
      join subject_version_secrets using (subject_id, version)
      join secrets using (secret_id)
     where scope_kind = 'connection'
        or (scope_kind = 'agent' and scope_id = subject_id)
        or (usage = 'grantable' and (
               (scope_kind = 'pool' and scope_id = pool)
               or exists (select from granted where (granted.place, granted.secret_id) = (named.place, secrets.secret_id))
               or exists (select from secret_grants
                           where secret_grants.secret_id = secrets.secret_id
                             and grantee_kind = 'agent' and grantee_id = subject_id)))
)
select place, secret_id, current_version as version, reader
  from openable
  join secrets using (secret_id)
  join secret_versions using (secret_id)
 where deleted_at is null and secret_versions.version = current_version and state = 'enabled'
   and (:secret_ids::text[] is null or secret_id = any (:secret_ids))
 order by place, secret_id collate "C", reader collate "C";

-- name: list_pools_of_secrets
-- The pools whose manifests name one of these secrets or should. Run it holding the secrets' locks: no version that names
-- one of them can then reach a further pool.
select pool from node_pools
 where exists (select from secrets
                where secret_id = any (:secret_ids::text[]) and scope_kind = 'pool' and scope_id = pool)
    or exists (select from secret_grants
                where secret_id = any (:secret_ids) and grantee_kind = 'pool' and grantee_id = pool)
    or pool in (select config_heads.pool
                  from config_secrets
                  join config_heads on manifest_digest in (digest, stable_digest)
                 where secret_id = any (:secret_ids))
    or pool in (select config_heads.pool
                  from subject_version_secrets
                  join config_documents using (subject_id, version)
                  join config_heads on manifest_digest in (digest, stable_digest)
                 where secret_id = any (:secret_ids));

-- name: list_versions_in
-- The versions whose documents are in these manifests.
select manifest_digest, subject_id, version from config_documents where manifest_digest = any (:digests::bytea[]);

-- name: list_secrets_in
-- The secrets that nodes may open by these manifests.
select manifest_digest, secret_id, version, reader from config_secrets
 where manifest_digest = any (:digests::bytea[]);
