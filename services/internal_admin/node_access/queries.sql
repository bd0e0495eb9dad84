-- Statements of the guard before the routes of nodes. They lock nothing.

-- name: read_nodes
-- The nodes with these ids, one row for each key that is valid now: the newest first, then one that a change replaced less
-- than ten minutes ago.
select node_id, pool, node_name, status, generation, public_key, encryption_key, clock_now() as read_at
  from nodes join node_keys using (node_id)
 where node_id = any (:node_ids) and (valid_until is null or valid_until > clock_now())
 order by node_id, generation desc;
