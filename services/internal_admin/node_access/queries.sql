-- Statements of the guard before the routes of nodes, and of its opposite, the revocation.

-- name: read_nodes
-- The nodes with these ids, one row for each key that is valid now: the newest first, then one that a change replaced less
-- than ten minutes ago.
select node_id, pool, node_name, status, generation, public_key, encryption_key, clock_now() as read_at
  from nodes join node_keys using (node_id)
 where node_id = any (:node_ids) and (valid_until is null or valid_until > clock_now())
 order by node_id, generation desc;

-- name: revoke_node
-- Revokes a node, if it is not revoked. Locks: nodes.
update nodes
   set status = 'revoked', revoked_at = clock_now(), revoke_reason_code = :reason_code,
       revoke_actor_type = :actor_type, revoke_actor_id = :actor_id
 where node_id = :node_id and status <> 'revoked'
returning 1;

-- name: has_node
-- Whether there is such a node, revoked or not.
select exists (select from nodes where node_id = :node_id);
