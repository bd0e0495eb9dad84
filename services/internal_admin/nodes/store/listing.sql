-- Statements that show nodes to operators. They lock nothing.

-- name: list_nodes
-- Nodes, newest first, after :after_id (null: from the newest on), at most :limit. A filter that is null leaves out none.
-- A node is online for 90 seconds after it was seen, and late for ten minutes.
select * from (
    select nodes.*, last_seen_at,
           case when status = 'revoked' or last_seen_at is null then 'gone'
                when last_seen_at >= clock_now() - interval '90 seconds' then 'online'
                when last_seen_at >= clock_now() - interval '10 minutes' then 'late'
                else 'gone' end as liveness
      from nodes left join node_states using (node_id)) as shown
 where (:node_id::text is null or node_id = :node_id)
   and (:pool::text is null or pool = :pool)
   and (:status::text is null or status = :status)
   and (:liveness::text is null or liveness = :liveness)
   and (:after_id::text is null or node_id < :after_id)
 order by node_id desc
 limit :limit;

-- name: read_node_keys
-- The keys of a node, newest first, at most ten.
select generation, public_key, created_at, valid_until
  from node_keys where node_id = :node_id
 order by generation desc limit 10;

-- name: read_node_state
-- The last that a node told of itself, and the configuration that it was offered.
select * from node_states where node_id = :node_id;
