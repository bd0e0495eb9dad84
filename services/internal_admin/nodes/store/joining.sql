-- Statements of joins, registrations, approvals and key changes.
-- Lock order: node_join_tokens, nodes, settings, node_pools, node_keys.

-- name: lock_join_token
-- The join token with this id and this hash of its secret. Joins with one token follow each other, and a revocation of it
-- comes before or after. Locks: node_join_tokens.
select join_token_id, pool, node_name, uses_left, revoked_at is not null or expires_at <= clock_now() as has_ended
  from node_join_tokens
 where join_token_id = :join_token_id and token_hash = :token_hash
   for update;

-- name: read_key_holder
-- The node that a public key belongs to. Run it holding the row of the settings.
select node_id, pool, node_name, status, join_token_id, encryption_key
  from node_keys join nodes using (node_id)
 where public_key = :public_key;

-- name: count_nodes
-- The number of nodes that are not revoked, counted up to :limit.
select count(*) from (select from nodes where status <> 'revoked' limit :limit) as counted;

-- name: is_node_name_taken
-- Whether a node of the pool that is not revoked has this name.
select exists (select from nodes where pool = :pool and node_name = :node_name and status <> 'revoked');

-- name: insert_node
-- Makes a node. Run it holding the row of the settings.
insert into nodes (node_id, pool, node_name, status, join_token_id, software, created_at)
values (:node_id, :pool, :node_name, :status, :join_token_id, :software, clock_now());

-- name: insert_node_key
-- Gives a node a key, the current one. Run it holding the row of the settings. Locks: node_keys.
insert into node_keys (public_key, node_id, generation, encryption_key, created_at)
values (:public_key, :node_id, :generation, :encryption_key, clock_now());

-- name: use_join_token
-- Takes one use of a join token whose row is locked. Locks: node_join_tokens.
update node_join_tokens set uses_left = uses_left - 1
 where join_token_id = :join_token_id and uses_left > 0
returning 1;

-- name: approve_node
-- Approves a node that waits. A revocation that came first stays. Locks: nodes.
update nodes set status = 'active', approved_at = clock_now()
 where node_id = :node_id and status = 'pending'
returning 1;

-- name: read_node_status
-- The status of a node.
select status from nodes where node_id = :node_id;

-- name: lock_node
-- A node, so that its key changes and a revocation follow each other. Locks: nodes.
select node_id, pool, node_name, status from nodes where node_id = :node_id for update;

-- name: read_current_key
-- The current key of a node. Run it holding the row of the node.
select generation, public_key, encryption_key from node_keys where node_id = :node_id and valid_until is null;

-- name: replace_key
-- Ends the current key of a node after :overlap, and one that was replaced before at once. Locks: node_keys.
update node_keys
   set valid_until = case when generation = :generation then clock_now() + :overlap::interval else clock_now() end
 where node_id = :node_id and (valid_until is null or valid_until > clock_now());
