-- Statements that read secrets without their values. They lock nothing.

-- name: list_secrets
-- Secrets, newest first, after :after_secret_id (null: from the newest on), at most :limit. A filter that is null admits
-- all. A deleted secret is there until its last version is destroyed.
select secrets.*, opened_at, opened_by
  from secrets left join secret_opens using (secret_id)
 where (:after_secret_id::text is null or secrets.secret_id < :after_secret_id)
   and (:scope_kind::text is null or scope_kind = :scope_kind)
   and (:scope_id::text is null or scope_id = :scope_id)
   and (:name::text is null or name = :name)
   and (deleted_at is null
        or exists (select from secret_versions
                    where secret_versions.secret_id = secrets.secret_id and state <> 'destroyed'))
 order by secrets.secret_id desc
 limit :limit;

-- name: read_secret
-- One secret, unless it is deleted and its last version is destroyed.
select secrets.*, opened_at, opened_by
  from secrets left join secret_opens using (secret_id)
 where secrets.secret_id = :secret_id
   and (deleted_at is null
        or exists (select from secret_versions
                    where secret_versions.secret_id = secrets.secret_id and state <> 'destroyed'));

-- name: list_versions
-- The newest versions of a secret without their bytes, newest first, at most :limit.
select version, state, key_id, created_by, created_at
  from secret_versions
 where secret_id = :secret_id
 order by version desc
 limit :limit;

-- name: list_grants
-- The grants of a secret.
select grantee_kind, grantee_id, granted_by, granted_at
  from secret_grants
 where secret_id = :secret_id
 order by grantee_kind, grantee_id;
