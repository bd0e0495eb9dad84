-- Statements of config_heads and manifests. Lock order: subjects, then node_pools by name, then config_heads.

-- name: lock_pools
-- The pools that exist among :pools, each with the time. Who holds a pool's row may change its head.
-- Locks: node_pools, in the order of their names.
select pool, clock_now() as now from node_pools
 where pool = any (:pools::text[]) order by pool for no key update;

-- name: read_heads
-- The heads of these pools.
select * from config_heads where pool = any (:pools::text[]) order by pool;

-- name: list_heads
-- Every head.
select * from config_heads order by pool;

-- name: list_other_documents
-- The documents of these pools that belong to other subjects than :subject_id. Run it holding the pools' locks: its
-- snapshot is younger than they are.
select wanted.pool, subjects.subject_id, kind, name, version, digest, octet_length(document) as size
  from unnest(:pools::text[]) as wanted (pool)
  join subjects on active_version is not null and subjects.subject_id <> :subject_id
  join subject_versions on subject_versions.subject_id = subjects.subject_id and version = active_version
                       and wanted.pool = any (subject_versions.pools)
 order by wanted.pool, kind, name;

-- name: read_stable_documents
-- The documents of these subjects in these manifests, pair by pair.
select pool, subject_id, kind, name, version, document_digest as digest, octet_length(document) as size
  from unnest(:digests::bytea[], :subject_ids::text[]) as wanted (manifest_digest, subject_id)
  join config_manifests on config_manifests.digest = manifest_digest
  join config_documents using (manifest_digest, subject_id)
  join subject_versions using (subject_id, version)
  join subjects using (subject_id)
 order by pool, kind, name;

-- name: insert_manifest
-- Keeps a manifest. The same bytes may be there already: made in the same second.
insert into config_manifests (digest, pool, epoch, sequence, manifest, signatures, created_at, expires_at)
values (:digest, :pool, :epoch, :sequence, :manifest, :signatures::jsonb, :created_at, :expires_at)
on conflict (digest) do nothing;

-- name: insert_document
-- Lets the nodes of the manifest's pool fetch a document.
insert into config_documents (manifest_digest, document_digest, subject_id, version)
values (:manifest_digest, :document_digest, :subject_id, :version)
on conflict do nothing;

-- name: insert_secrets
-- Names the secrets of a manifest, each for one reader. Locks: key shares of secrets, which no change of one waits for.
insert into config_secrets (manifest_digest, secret_id, reader, version)
select :manifest_digest, secret_id, reader, version
  from unnest(:secret_ids::text[], :readers::text[], :versions::int[]) as reference (secret_id, reader, version)
on conflict do nothing;

-- name: copy_documents
-- Gives the documents of one manifest to another.
insert into config_documents (manifest_digest, document_digest, subject_id, version)
select :to_digest, document_digest, subject_id, version from config_documents where manifest_digest = :from_digest
on conflict do nothing;

-- name: write_head
-- Replaces the head of a pool. Run it holding the pool's lock. Locks: config_heads.
insert into config_heads (
    pool, epoch, sequence, digest, content_digest, activated_at, stable_digest, percent, halts,
    staged_subject_id, staged_sequence
)
values (
    :pool, :epoch, :sequence, :digest, :content_digest, :activated_at, :stable_digest, :percent, :halts,
    :staged_subject_id, case when :staged_subject_id::text is not null then :sequence::bigint end
)
on conflict (pool) do update
   set epoch = excluded.epoch, sequence = excluded.sequence, digest = excluded.digest,
       content_digest = excluded.content_digest, activated_at = excluded.activated_at,
       stable_digest = excluded.stable_digest, percent = excluded.percent, halts = excluded.halts, halted_at = null,
       staged_subject_id = excluded.staged_subject_id, staged_sequence = excluded.staged_sequence;

-- name: write_stage
-- Gives the staged manifest to more nodes, or ends the stage. Run it holding the pool's lock. Locks: config_heads.
update config_heads
   set percent = :percent::smallint, halts = :halts::boolean, halted_at = null,
       stable_digest = case when :percent::smallint < 100 or :halts::boolean then stable_digest end,
       staged_subject_id = case when :percent::smallint < 100 or :halts::boolean then staged_subject_id end,
       staged_sequence = case when :percent::smallint < 100 or :halts::boolean then staged_sequence end
 where pool = :pool;

-- name: write_renewed_head
-- Replaces the manifests of a head. Stage, halt and the time of activation stay. In a new epoch the positions of the stage
-- begin anew. Run it holding the pool's lock. Locks: config_heads.
update config_heads
   set epoch = :epoch, sequence = :sequence, digest = :digest, content_digest = :content_digest,
       stable_digest = :stable_digest, staged_sequence = case when epoch = :epoch then staged_sequence else :sequence end
 where pool = :pool;

-- name: halt_stage
-- Halts the stage that had a newest manifest at this position, if it halts on a rejection and is not halted yet. Its
-- newest manifests have every second sequence from the first one on. Locks: config_heads.
update config_heads set halted_at = clock_now()
 where pool = :pool and epoch = :epoch and halts and halted_at is null
   and :sequence between coalesce(staged_sequence, sequence) and sequence and (sequence - :sequence) % 2 = 0
returning percent;

-- name: remove_manifests
-- Removes the manifests of a pool that no head names, but the newest three: a node may still fetch their documents.
-- Run it holding the pool's lock. Locks: config_manifests, config_documents.
delete from config_manifests
 where pool = :pool
   and not exists (select from config_heads
                    where config_heads.pool = :pool
                      and config_manifests.digest in (config_heads.digest, config_heads.stable_digest))
   and digest not in (select digest from config_manifests as newer
                       where newer.pool = :pool order by epoch desc, sequence desc, created_at desc limit 4);

-- name: read_manifests
-- The manifests of these digests.
select * from config_manifests where digest = any (:digests::bytea[]);

-- name: list_documents_of_pool
-- The documents of a manifest with their bytes, for a bundle.
select document_digest, document
  from config_documents join subject_versions using (subject_id, version)
 where manifest_digest = :manifest_digest
 order by document_digest;
