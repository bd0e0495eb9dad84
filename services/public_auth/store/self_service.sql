-- Self-service (SPEC §20). The public role files orders and reads what became of them. It changes no session.

-- name: read_signer
-- The session that a signed request names, and the order under its request id. Takes no lock.
select s.device_session_id, s.user_id, s.client_public_key, clock_now() as read_at,
       s.status = 'active' and s.created_at > clock_now() - settings.session_max_age as is_active,
       o.order_id, o.signature
  from settings, device_sessions s
  left join session_orders o on o.device_session_id = s.device_session_id and o.request_id = :request_id
 where s.device_session_id = :device_session_id;

-- name: list_sessions
-- The newest active sessions of a user, and the asking one if it is not among them. Takes no lock.
with newest as materialized (
    select device_session_id, label, created_at
      from device_sessions, settings
     where user_id = :user_id and status = 'active' and created_at > clock_now() - session_max_age
     order by created_at desc limit :most
)
select device_session_id, label, created_at, day as last_seen_on
  from (select * from newest
        union
        select device_session_id, label, created_at from device_sessions where device_session_id = :own_id) listed
  left join session_last_seen using (device_session_id)
 order by created_at desc, device_session_id;

-- name: file_order
-- Files a signed order and wakes the internal process; no row if the session filed one under this request id.
-- Locks: none but its own row.
insert into session_orders (device_session_id, request_id, message_type, timestamp_ms, body, signature, network, http_request_id)
values (:device_session_id, :request_id, :message_type, :timestamp_ms, :body, :signature, :network, :http_request_id)
on conflict (device_session_id, request_id) do nothing
returning order_id, pg_notify(:channel, '');

-- name: file_notice_order
-- Files an order that the token of a notice proves, and wakes the internal process; no row if no notice has the token.
-- Locks: none but its own row.
insert into session_orders (token_hash, everything, network, http_request_id)
select :token_hash, :everything, :network, :http_request_id where notice_stands(:token_hash)
returning order_id, pg_notify(:channel, '');

-- name: read_outcomes
-- The outcomes among these orders that gateways can read already. Takes no lock.
select order_id, outcome, session_count from session_orders
 where order_id = any (:order_ids) and published_at is not null;
