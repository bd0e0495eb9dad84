-- Statements of subjects, versions and history. Lock order: subjects, then node_pools by name, then config_heads.

-- name: lock_names
-- Creations of one kind follow each other, so that their number and their names are exact. Locks nothing else before.
select pg_advisory_xact_lock(hashtextextended('subjects ' || :kind, 0));

-- name: count_subjects
-- How many subjects of the kind are not archived, and whether one of them has the name.
select count(*) as number, coalesce(bool_or(name = :name), false) as is_taken
  from subjects where kind = :kind and archived_at is null;

-- name: insert_subject
-- Makes a subject at revision 1. Run it after lock_names.
insert into subjects (subject_id, kind, name, pools, draft, revision, field_revisions, created_at, updated_at)
select :subject_id, :kind, :name, :pools, :draft::jsonb, 1, :field_revisions::jsonb, now.instant, now.instant
  from (select clock_now() as instant) as now
returning *;

-- name: read_subject
-- One subject of the kind.
select * from subjects where subject_id = :subject_id and kind = :kind;

-- name: lock_subject
-- One subject of the kind. Changes of one subject follow each other. Locks: subjects.
select * from subjects where subject_id = :subject_id and kind = :kind for no key update;

-- name: find_subject
-- The subject of the kind that has a name and is not archived.
select * from subjects where kind = :kind and name = :name and archived_at is null;

-- name: list_subjects
-- Subjects of the kind, newest first, after :after_subject_id (null: from the newest on), at most :limit.
select * from subjects
 where kind = :kind and (:after_subject_id::text is null or subject_id < :after_subject_id)
 order by subject_id desc limit :limit;

-- name: write_draft
-- Writes the draft under its next revision. Run it holding the subject's lock.
update subjects
   set pools = :pools, draft = :draft::jsonb, revision = revision + 1, field_revisions = :field_revisions::jsonb,
       updated_at = clock_now()
 where subject_id = :subject_id
returning *;

-- name: archive_subject
-- Archives the subject. Run it holding the subject's lock.
update subjects set archived_at = now.instant, updated_at = now.instant
  from (select clock_now() as instant) as now
 where subject_id = :subject_id;

-- name: insert_version
-- Adds a version. Run it holding the subject's lock.
insert into subject_versions (subject_id, version, revision, pools, draft, document, digest, note, created_by, created_at)
values (:subject_id, :version, :revision, :pools, :draft::jsonb, :document, :digest, :note, :created_by, clock_now());

-- name: insert_version_secrets
-- Notes the secrets that a version names. Run it in the transaction of its publication.
insert into subject_version_secrets (subject_id, version, secret_id)
select :subject_id, :version, unnest(:secret_ids::text[])
on conflict do nothing;

-- name: write_published
-- Notes the last version and the revision that it was made of. Run it holding the subject's lock.
update subjects set last_version = :version, published_revision = :revision where subject_id = :subject_id;

-- name: write_active_version
-- Makes a version active; null pauses the subject. Run it holding the subject's lock and those of all touched pools.
update subjects
   set active_version = :version::integer, paused_at = case when :version::integer is null then clock_now() end
 where subject_id = :subject_id;

-- name: insert_activation
-- Adds an entry to the history, in the transaction of write_active_version.
insert into subject_activations (subject_id, version, previous_version, percent, activated_by, activated_at, note)
values (:subject_id, :version, :previous_version, :percent, :activated_by, clock_now(), :note);

-- name: read_version
-- One version with its draft and its document.
select * from subject_versions where subject_id = :subject_id and version = :version;

-- name: list_versions
-- Versions of a subject, newest first, before :before_version (null: from the newest on), at most :limit.
select version, revision, pools, digest, note, created_by, created_at from subject_versions
 where subject_id = :subject_id and (:before_version::bigint is null or version < :before_version::bigint)
 order by version desc limit :limit;

-- name: list_activations
-- The history of a subject, newest first, before :before_activation_id (null: from the newest on), at most :limit.
select * from subject_activations
 where subject_id = :subject_id and (:before_activation_id::bigint is null or activation_id < :before_activation_id)
 order by activation_id desc limit :limit;

-- name: list_staged_pools
-- The pools in which a version of the subject is staged. Run it holding the subject's lock.
select pool from config_heads where staged_subject_id = :subject_id;

-- name: read_pool_facts
-- Of the pools that exist: whether one has an active node, and which other subject of the kind is active in it.
select pool,
       exists (select from nodes where nodes.pool = node_pools.pool and status = 'active') as has_active_node,
       (select name from subjects join subject_versions
                on subject_versions.subject_id = subjects.subject_id and version = active_version
         where kind = :kind and subjects.subject_id <> :subject_id and node_pools.pool = any (subject_versions.pools)
         order by name limit 1) as held_by
  from node_pools
 where pool = any (:pools::text[]);
