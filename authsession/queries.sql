-- name: read_finished_deliveries
-- The deliveries that finished at :since or later, each with its sealed code while that is kept.
select d.delivery_id, d.challenge_id, d.email, d.state, d.reason, d.finished_at,
       c.login_code_id, c.sealed_code, c.seal_key_id
  from mail_deliveries d left join login_codes c using (login_code_id)
 where d.finished_at >= :since
 order by d.finished_at, d.delivery_id;

-- name: read_clock
-- Postgres' clock, which decides every lifetime.
select clock_now();
