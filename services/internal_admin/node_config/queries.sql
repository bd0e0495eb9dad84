-- Lock order: node_states, then config_heads, then audit_events. Nothing here waits for another node's row, but for the
-- batch of offers, which locks node_states by node id.

-- name: look
-- Every process looks at this: the heads of all pools, and the nodes revoked since the last look. A revocation bears the
-- time of its statement and shows when it commits, so the look goes ten seconds further back. One row at least.
select now.looked_at, now.revoked, h.pool, h.epoch, h.sequence, h.digest, h.activated_at, h.percent, h.halts, h.halted_at,
       h.staged_sequence, h.stable_digest, s.epoch as stable_epoch, s.sequence as stable_sequence
  from (
      select clock_now() as looked_at, array(
          select node_id from nodes
           where revoked_at > coalesce(:since::timestamptz, clock_now()) - interval '10 seconds'
      ) as revoked
  ) as now
  left join config_heads h on true
  left join config_manifests s on s.digest = h.stable_digest;

-- name: read_head
-- The head of one pool. No row: there is no such pool. Without a head its columns are null.
select p.pool, h.epoch, h.sequence, h.digest, h.activated_at, h.percent, h.halts, h.halted_at,
       h.staged_sequence, h.stable_digest, s.epoch as stable_epoch, s.sequence as stable_sequence, clock_now() as now
  from node_pools p
  left join config_heads h using (pool)
  left join config_manifests s on s.digest = h.stable_digest
 where p.pool = :pool;

-- name: read_pools
-- The names of all pools.
select pool from node_pools order by pool;

-- name: read_manifest
-- A manifest with its signatures.
select manifest, signatures::text as signatures from config_manifests where digest = :digest;

-- name: read_document
-- The bytes of a document that a kept manifest of the pool names. Those before the newest are kept for a while, because a
-- node may be fetching their documents.
select v.document
  from config_documents d
  join config_manifests m on m.digest = d.manifest_digest
  join subject_versions v using (subject_id, version)
 where d.document_digest = :digest and m.pool = :pool
 limit 1;

-- name: knows_stage
-- Whether a node was offered a newest manifest of the stage, or told of it. These have every second sequence from :first
-- to :last.
select exists (
    select from node_states
     cross join lateral (values
         (offered_epoch, offered_sequence), (applied_epoch, applied_sequence), (rejected_epoch, rejected_sequence)
     ) as known (epoch, sequence)
     where node_id = :node_id and known.epoch = :epoch
       and known.sequence between :first and :last and (:last - known.sequence) % 2 = 0
);

-- name: read_told
-- All that a node told of itself. One row; without an earlier status its columns are null. `are_uses_noted`: within the last
-- hour it was noted that nodes tell of last uses.
select clock_now() as now, n.software, s.*,
       exists (select from last_use_reports where told_at > clock_now() - interval '1 hour') as are_uses_noted
  from (select :node_id as wanted) as this
  left join nodes n on n.node_id = this.wanted
  left join node_states s on s.node_id = this.wanted;

-- name: write_told
-- Replaces what a node told of itself, if nobody replaced the state that was read. No row: somebody did, or the node was
-- revoked. `applied_after`: the time from the activation of the configuration that it runs with, if that is the pool's
-- newest. Locks: node_states, then nodes if its software changed.
with told_software as (
    update nodes set software = :software
     where node_id = :node_id and status <> 'revoked' and software is distinct from :software
)
insert into node_states as kept (
    node_id, last_seen_at, status_at_ms, boot_id, previous_boot_id, boot_changed_at, key_shared_at,
    applied_epoch, applied_sequence, applied_digest, applied_outcome, applied_at, source,
    rejected_epoch, rejected_sequence, rejected_digest, rejected_at,
    error_code, error_message, error_document, report
)
select :node_id, :last_seen_at, :status_at_ms, :boot_id, :previous_boot_id, :boot_changed_at, :key_shared_at,
       :applied_epoch, :applied_sequence, :applied_digest, :applied_outcome, :applied_at, :source,
       :rejected_epoch, :rejected_sequence, :rejected_digest, :rejected_at,
       :error_code, :error_message, :error_document, :report::jsonb
  from nodes where node_id = :node_id and status <> 'revoked'
on conflict (node_id) do update set
    last_seen_at = excluded.last_seen_at, status_at_ms = excluded.status_at_ms, boot_id = excluded.boot_id,
    previous_boot_id = excluded.previous_boot_id, boot_changed_at = excluded.boot_changed_at,
    key_shared_at = excluded.key_shared_at,
    applied_epoch = excluded.applied_epoch, applied_sequence = excluded.applied_sequence,
    applied_digest = excluded.applied_digest, applied_outcome = excluded.applied_outcome,
    applied_at = excluded.applied_at, source = excluded.source,
    rejected_epoch = excluded.rejected_epoch, rejected_sequence = excluded.rejected_sequence,
    rejected_digest = excluded.rejected_digest, rejected_at = excluded.rejected_at,
    error_code = excluded.error_code, error_message = excluded.error_message, error_document = excluded.error_document,
    report = coalesce(excluded.report, kept.report)
 where kept.status_at_ms = :replaces_at_ms
returning :last_seen_at - (
    select activated_at from config_heads
     where pool = :pool and epoch = :applied_epoch and sequence = :applied_sequence
) as applied_after;

-- name: is_revoked
-- Whether the node is revoked.
select exists (select from nodes where node_id = :node_id and status = 'revoked');

-- name: read_key_shared_policy
-- The setting that says what follows when two processes use one key.
select node_key_shared_policy from settings;

-- name: write_offers
-- Notes the manifests that nodes were offered. A position never goes down. Locks: node_states, by node id.
insert into node_states as kept (node_id, last_seen_at, offered_epoch, offered_sequence, offered_at)
select o.node_id, o.offered_at, o.epoch, o.sequence, o.offered_at
  from unnest(:node_ids::text[], :epochs::bigint[], :sequences::bigint[], :ages::interval[])
       as given (node_id, epoch, sequence, age)
  join nodes using (node_id)
 cross join lateral (
     select given.node_id, given.epoch, given.sequence, clock_now() - given.age as offered_at
 ) as o
 order by o.node_id
on conflict (node_id) do update set
    last_seen_at = greatest(kept.last_seen_at, excluded.last_seen_at),
    offered_epoch = excluded.offered_epoch, offered_sequence = excluded.offered_sequence,
    offered_at = excluded.offered_at
 where (kept.offered_epoch, kept.offered_sequence) < (excluded.offered_epoch, excluded.offered_sequence);

-- name: list_nodes
-- Active nodes of a pool with what they told, by node id, after a node, at most :limit.
select n.node_id, n.node_name, n.created_at, s.last_seen_at, s.offered_epoch, s.offered_sequence, s.offered_at,
       s.applied_epoch, s.applied_sequence, s.applied_digest, s.applied_outcome, s.applied_at, s.source,
       s.rejected_epoch, s.rejected_sequence, s.rejected_digest, s.rejected_at,
       s.error_code, s.error_message, s.error_document
  from nodes n left join node_states s using (node_id)
 where n.pool = :pool and n.status = 'active' and n.node_id > :after
 order by n.node_id limit :limit;

-- name: sum_reports
-- The reports of the nodes that were seen in the last ninety seconds, added up by pool. A node may report any number, so
-- the sum is cut to one that a bigint holds.
select n.pool,
       least(coalesce(sum((s.report ->> 'sessions_cached')::bigint), 0), 9007199254740991)::bigint as sessions_cached,
       count(*) filter (where s.report ->> 'redis' = 'lost') as redis_lost,
       max((s.report -> 'revocation_lag_ms' ->> 'p99')::bigint) as revocation_lag_ms,
       count(*) filter (where s.key_shared_at > clock_now() - interval '1 hour') as key_shared
  from nodes n join node_states s using (node_id)
 where n.status = 'active' and s.last_seen_at > clock_now() - interval '90 seconds'
 group by n.pool;

-- name: keep_last_uses
-- Keeps the day of last use of sessions that exist. A day never goes back, and none is in the future. Locks:
-- session_last_seen by session id, and key shares of device_sessions.
insert into session_last_seen as kept (device_session_id, day)
select device_session_id, least(max(told.day), (select clock_now())::date)
  from unnest(:session_ids::text[], :days::date[]) as told (device_session_id, day)
  join device_sessions using (device_session_id)
 group by device_session_id
 order by device_session_id
on conflict (device_session_id) do update set day = excluded.day where kept.day < excluded.day;

-- name: note_last_uses_told
-- Notes that a node told of last uses; once an hour is enough. After a gap of a day `since` begins anew. A node that saw no
-- use (:only_renews) says that the telling goes on, but not that it begins. Locks: last_use_reports.
insert into last_use_reports as kept (since, told_at)
select now.instant, now.instant
  from (select clock_now() as instant) as now
 where not exists (select from last_use_reports where told_at > now.instant - interval '1 hour')
   and (not :only_renews or last_uses_told_since() is not null)
on conflict (is_one) do update
   set told_at = excluded.told_at,
       since = case when last_uses_told_since() is null then excluded.since else kept.since end;
