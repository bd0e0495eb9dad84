-- Orders of self-service (SPEC §20.2). Lock order: emails, then device_sessions, then session_orders and session_notices.

-- name: read_waiting_orders
-- The oldest orders that wait and that no other worker carries out at the moment, at most :limit, each with its user. Null:
-- no session belongs to the order. Locks: session_orders, until the statement ends.
select o.order_id, s.user_id
  from session_orders o
  left join session_notices n on n.token_hash = o.token_hash
  left join device_sessions s on s.device_session_id = coalesce(o.device_session_id, n.device_session_id)
 where o.outcome is null
 order by o.order_id limit :limit
   for no key update of o skip locked;

-- name: lock_order
-- An order that waits, with the session that it names and the notice of its token. No row: another worker has it. Run it
-- holding the row of the user's address, so that the session stays as it is read here. Locks: session_orders.
select o.order_id, o.device_session_id, o.request_id, o.message_type, o.timestamp_ms, o.body, o.signature, o.token_hash,
       o.everything, o.network, o.http_request_id, o.received_at, o.session_count,
       s.user_id, s.client_public_key,
       s.status = 'active' and s.created_at > clock_now() - settings.session_max_age as is_live,
       n.device_session_id as notice_session_id, n.created_at as notice_created_at, n.used_at
  from session_orders o cross join settings
  left join session_notices n on n.token_hash = o.token_hash
  left join device_sessions s on s.device_session_id = coalesce(o.device_session_id, n.device_session_id)
 where o.order_id = :order_id and o.outcome is null
   for no key update of o skip locked;

-- name: name_session
-- Gives an active session another label. No row: it has this one, or is not active. Locks: device_sessions.
update device_sessions set label = :label
 where device_session_id = :device_session_id and status = 'active' and label is distinct from :label
returning device_session_id;

-- name: use_notice
-- Notes that the token was used: it counts once. Locks: session_notices.
update session_notices set used_at = (select clock_now()) where token_hash = :token_hash;

-- name: write_progress
-- Notes how many sessions the order has ended so far. A worker that comes later goes on from here. Locks: session_orders.
update session_orders set session_count = :session_count where order_id = :order_id;

-- name: write_outcome
-- Writes what became of an order. With :is_published there is nothing to publish. Locks: session_orders.
update session_orders
   set outcome = :outcome, session_count = :session_count, decided_at = now.instant,
       published_at = case when :is_published then now.instant end
  from (select clock_now() as instant) as now
 where order_id = :order_id and outcome is null;

-- name: write_published
-- Notes that the gateway records of an order are readable. Locks: session_orders.
update session_orders set published_at = (select clock_now())
 where order_id = :order_id and outcome is not null and published_at is null;

-- name: write_published_by_relay
-- Notes that the records of orders are readable, at most :limit: no change that is as old as they are waits to be
-- published. For orders whose own worker was stopped, or found no Redis. Locks: session_orders.
update session_orders set published_at = (select clock_now())
 where order_id = any (array(
     select order_id from session_orders
      where outcome is not null and published_at is null
        and decided_at < coalesce((select min(enqueued_at) from projection_outbox), 'infinity')
      order by decided_at limit :limit
        for no key update skip locked));

-- name: read_backlog
-- The number of orders that wait for an outcome or for their publication, and the age of the oldest.
with waiting as (
    select received_at from session_orders where outcome is null
    union all
    select received_at from session_orders where outcome is not null and published_at is null
)
select count(*) as orders,
       coalesce(extract(epoch from (select clock_now()) - min(received_at)), 0)::float8 as oldest_seconds
  from waiting;
