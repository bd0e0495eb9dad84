-- Statements of pools and join tokens. Lock order: node_join_tokens, settings, node_pools.

-- name: has_pool
-- Whether there is such a pool.
select exists (select from node_pools where pool = :pool);

-- name: lock_settings_for_nodes
-- The settings that joins depend on. Locks the one row, so that new nodes, keys and pools follow each other, and counts stay exact.
-- The public role cannot lock it, as it could an advisory lock. Locks: settings.
select node_join_approval = 'on' as waits_for_approval,
       (extract(epoch from clock_now()) * 1000)::bigint as now_ms
  from settings for no key update;

-- name: count_pools
-- The number of pools.
select count(*) from node_pools;

-- name: insert_pool
-- Makes a pool. Run it holding the row of the settings.
insert into node_pools (pool, created_at) values (:pool, clock_now());

-- name: list_pools
-- All pools by name, or the one with this name, with their nodes that are not revoked.
select pool, node_pools.created_at, count(node_id) as nodes
  from node_pools left join (select node_id, pool from nodes where status <> 'revoked') as present using (pool)
 where :pool::text is null or pool = :pool
 group by pool, node_pools.created_at
 order by pool;

-- name: insert_join_token
-- Makes a join token that lives for :life from now on.
insert into node_join_tokens
       (join_token_id, token_hash, pool, node_name, uses, uses_left, created_by, created_at, expires_at)
select :join_token_id, :token_hash, :pool, :node_name, :uses, :uses, :created_by, now.instant, now.instant + :life::interval
  from (select clock_now() as instant) as now
returning *, 'active' as status;

-- name: list_join_tokens
-- Join tokens, newest first, after :after_id (null: from the newest on), at most :limit.
select *, case when revoked_at is not null then 'revoked'
               when uses_left = 0 then 'spent'
               when expires_at <= clock_now() then 'expired' else 'active' end as status
  from node_join_tokens
 where :after_id::text is null or join_token_id < :after_id
 order by join_token_id desc
 limit :limit;

-- name: revoke_join_token
-- Revokes a join token, if it is not revoked. A join that holds its row comes first. Locks: node_join_tokens.
update node_join_tokens set revoked_at = clock_now()
 where join_token_id = :join_token_id and revoked_at is null
returning 1;

-- name: has_join_token
-- Whether there is such a join token, revoked or not.
select exists (select from node_join_tokens where join_token_id = :join_token_id);
