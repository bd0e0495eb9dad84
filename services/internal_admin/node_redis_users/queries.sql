-- Statements of nodes' users of Redis. Lock order: nodes, node_redis_users.

-- name: write_password
-- Keeps the hash of a new password, if the node is active and signed this request after the one that made the kept
-- password; returns its id. So a copied request changes nothing, on any replica. `changed_at` is the time in the
-- envelope. Locks: nodes (key share, by the reference), node_redis_users.
insert into node_redis_users as kept (node_id, password_hash, changed_at)
select node_id, :password_hash, timestamptz 'epoch' + :signed_at_ms::bigint * interval '1 millisecond'
  from nodes where node_id = :node_id and status = 'active'
    on conflict (node_id) do update set password_hash = excluded.password_hash, changed_at = excluded.changed_at
 where kept.changed_at < excluded.changed_at
returning node_id;

-- name: read_passwords
-- The hashes of those of these nodes that are active and have a user. Locks nothing.
select node_id, password_hash
  from node_redis_users join nodes using (node_id)
 where node_id = any (:node_ids) and status = 'active';

-- name: read_node_ids
-- All active nodes that have a user, by id. Locks nothing.
select node_id
  from node_redis_users join nodes using (node_id)
 where status = 'active'
 order by node_id;

-- name: read_revoked
-- Revoked nodes whose user is not deleted yet, at most :limit. Locks nothing.
select node_id
  from node_redis_users join nodes using (node_id)
 where status = 'revoked'
 limit :limit;

-- name: write_deleted
-- Forgets users of revoked nodes. Locks: node_redis_users.
delete from node_redis_users
 using nodes
 where nodes.node_id = node_redis_users.node_id and nodes.node_id = any (:node_ids) and nodes.status = 'revoked';
