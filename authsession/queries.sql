-- name: read_finished_deliveries
-- What became of each send since $1, with the code as long as it lives.
select d.delivery_id, d.challenge_id, d.email, d.state, d.reason, d.finished_at,
       c.login_code_id, c.sealed_code, c.seal_key_id
  from mail_deliveries d left join login_codes c using (login_code_id)
 where d.finished_at >= $1
 order by d.finished_at, d.delivery_id;

-- name: read_clock
-- The time that decides.
select clock_now();
