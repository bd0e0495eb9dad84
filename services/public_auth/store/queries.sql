-- name: read_for_issue
-- All that one send's decision needs, in one snapshot. Takes no lock.
-- $1 folded e-mail, $2 identity, $3 tags of the asking network, $4 new-address mail limit (null: off), $5 its window,
-- $6 live challenges that one network may have.
with clock as materialized (select clock_now() as now)
select clock.now, e.email_id, e.version,
       exists (select from users u where u.email_id = e.email_id) as has_confirmed,
       exists (select from known_networks k
                where k.email_id = e.email_id and k.network_tag = any ($3)
                  and k.confirmed_at > clock.now - interval '90 days') as known,
       exists (select from blocks b where b.email_id = e.email_id and (b.expires_at is null or b.expires_at > clock.now))
       or exists (select from users u join blocks b on b.user_id = u.user_id
                   where u.email = $2 and (b.expires_at is null or b.expires_at > clock.now)) as blocked,
       is_email_domain_refused($2, s.blocked_email_domains, s.allowed_email_domains) as domain_refused,
       case when $4::bigint is null then 0 else
           (select count(*) from (
               select from mail_deliveries n
                where n.network_tag = any ($3) and n.to_new_address and n.state in ('queued', 'sent')
                  and n.queued_at > clock.now - $5::interval limit $4) counted)
       end as new_address_mails,
       coalesce(mails.hour_total, 0) as mails_hour_total, coalesce(mails.hour_own, 0) as mails_hour_own,
       coalesce(mails.day_total, 0) as mails_day_total, coalesce(mails.day_own, 0) as mails_day_own,
       coalesce(evaluated.total, 0) + coalesce(live.reserved_total, 0) as wrong_codes_total,
       coalesce(evaluated.own, 0) + coalesce(live.reserved_own, 0) as wrong_codes_own,
       code.login_code_id, code.expires_at as code_expires_at, mails.code_mailed_at,
       coalesce(live.places_total, 0) as places_total, coalesce(live.places_own, 0) as places_own,
       live.oldest_own_id, live.oldest_own_attempts, withheld.own_id as withheld_own_id, withheld.own_attempts as withheld_own_attempts
  from clock
  cross join settings s
  left join emails e on e.folded = $1
  left join lateral (
      -- A success zeroes the counts. Challenges outlive every window that is counted (SPEC §3.1, §3.5).
      select coalesce(max(c.confirmed_at), '-infinity') as at from challenges c
       where c.email_id = e.email_id and c.confirmed_at is not null
  ) success on true
  left join lateral (
      select l.login_code_id, l.expires_at from login_codes l
       where l.email_id = e.email_id and l.email = $2 and l.ended_at is null and l.expires_at > clock.now
       order by l.expires_at desc limit 1
  ) code on true
  left join lateral (
      select count(*) filter (where m.queued_at > clock.now - interval '1 hour') as hour_total,
             count(*) filter (where m.queued_at > clock.now - interval '1 hour' and m.network_tag = any ($3)) as hour_own,
             count(*) as day_total,
             count(*) filter (where m.network_tag = any ($3)) as day_own,
             max(m.queued_at) filter (where m.login_code_id = code.login_code_id) as code_mailed_at
        from mail_deliveries m
       where m.email_id = e.email_id and m.state in ('queued', 'sent')
         and m.queued_at > clock.now - interval '24 hours' and m.queued_at > success.at
  ) mails on true
  left join lateral (
      -- A reservation outlives its challenge by a minute, so that a wrong code under way when it expires is still counted.
      select sum(5 - c.attempts) as reserved_total,
             sum(5 - c.attempts) filter (where c.network_tag = any ($3)) as reserved_own,
             count(*) filter (where place) as places_total,
             count(*) filter (where place and c.network_tag = any ($3)) as places_own,
             (array_agg(c.challenge_id order by c.created_at, c.challenge_id)
                  filter (where place and c.network_tag = any ($3)))[1] as oldest_own_id,
             (array_agg(c.attempts order by c.created_at, c.challenge_id)
                  filter (where place and c.network_tag = any ($3)))[1] as oldest_own_attempts
        from challenges c
       cross join lateral (select c.login_code_id = code.login_code_id and c.expires_at > clock.now as place) p
       where c.email_id = e.email_id and c.state in ('pending_send', 'sent')
         and c.expires_at > clock.now - interval '1 minute'
  ) live on true
  left join lateral (
      select sum(c.evaluated) as total, sum(c.evaluated) filter (where c.network_tag = any ($3)) as own
        from challenges c
       where c.email_id = e.email_id and c.evaluated > 0 and c.attempts > 0
         and c.expires_at > clock.now - interval '24 hours' and c.created_at > success.at
  ) evaluated on true
  left join lateral (
      -- What a decoy rewrites where a real challenge would take a place: there when the network has as many withheld
      -- challenges as it may have live ones. Any will do: a flood must not make this read longer.
      select w.challenge_id as own_id, w.attempts as own_attempts from challenges w
       where w.email_id = e.email_id and w.network_tag = any ($3) and w.login_code_id is null and w.expires_at > clock.now
      offset $6::integer - 1 limit 1
  ) withheld on true;

-- name: write_issue
-- One send, whatever it decided: the same rows (SPEC §3.4). Locks the e-mail's row, then the challenge $21 that gives
-- up its place (a withheld one has none, and is only rewritten). Writes only if the e-mail's version is still $3 (null: no such row) and that challenge's attempts are
-- still $22; returns the delivery's id, or no row when it must be decided again.
with guard as (
    insert into emails (folded, created_at) values ($1, $4)
    on conflict (folded) do update set version = emails.version + 1
     where emails.version = $3 and emails.email_id = $25  -- retention may have removed the row, and a block made it anew
    returning email_id
), displaced as (
    update challenges set state = case when login_code_id is null then state else 'cancelled' end
     where challenge_id = $21 and attempts = $22 and (state in ('pending_send', 'sent') or login_code_id is null)
       and exists (select from guard)
    returning challenge_id
), passed as (
    select email_id from guard where $21::text is null or exists (select from displaced)
), code as (
    insert into login_codes (login_code_id, email_id, email, key_id, salt, mac, sealed_code, seal_key_id,
                             created_at, expires_at, ended_at)
    select $5, email_id, $2, $6, $7, $8, $9, $10, $4, $4 + $11::interval, $12 from passed
), challenge as (
    insert into challenges (challenge_id, email_id, email, login_code_id, network_tag, preferred_language, state,
                            created_at, expires_at)
    select $13, email_id, $2, $14, $15, $16, $17, $4, $4 + $23::interval from passed
)
insert into mail_deliveries (delivery_id, challenge_id, login_code_id, email_id, email, locale, network_tag,
                             to_new_address, state, reason, queued_at, next_attempt_at, finished_at)
select $18, $13, $14, email_id, $2, $16, $15, $24, $19, $20, $4, $4,
       case when $19::text = 'queued' then null else $4::timestamptz end
  from passed
returning delivery_id;

-- name: lock_email
-- Locks the e-mail's row, so that the next statement's snapshot is younger than every change to it.
select version from emails where folded = $1 for update;

-- name: lock_email_of_challenge
-- The same, by a challenge of the e-mail.
select e.version from emails e where e.email_id = (select c.email_id from challenges c where c.challenge_id = $1) for update;

-- name: read_for_confirm
-- All that one confirm's decision needs, in one snapshot; no row for an unknown challenge. Takes no lock.
with clock as materialized (select clock_now() as now)
select clock.now, c.email_id, c.email, e.version, c.state, c.attempts, c.expires_at, c.confirmed_at, c.preferred_language,
       c.login_code_id, l.key_id, l.salt, l.mac,
       l.ended_at is null and l.expires_at > clock.now as code_lives,
       u.user_id as existing_user_id,
       exists (select from blocks b
                where (b.email_id = c.email_id or b.user_id = u.user_id)
                  and (b.expires_at is null or b.expires_at > clock.now))
       or is_email_domain_refused(c.email, s.blocked_email_domains, s.allowed_email_domains) as blocked,
       s.session_limit, s.session_limit_policy, s.require_client_key_proof,
       case when s.session_limit = 0 then 0 else (
           select count(*) from device_sessions a
            where a.user_id = u.user_id and a.status = 'active' and a.created_at > clock.now - s.session_max_age)
       end as active_sessions,
       d.device_session_id, d.user_id, d.client_public_key, d.status, d.created_at, d.revoked_at,
       d.revoke_reason_code, d.revoke_actor_type, d.revoke_actor_id
  from clock
  cross join settings s
  join challenges c on c.challenge_id = $1
  join emails e on e.email_id = c.email_id
  left join login_codes l on l.login_code_id = c.login_code_id
  left join users u on u.email = c.email
  left join device_sessions d on c.confirmed_at is not null and d.challenge_id = c.challenge_id;

-- name: read_named_user
-- What we know of the user $1 whom the user directory named for the address $2: whom we know by that address, the address
-- we know that user by, and whether they are blocked.
select (select u.user_id from users u where u.email = $2) as user_id,
       (select u.email from users u where u.user_id = $1) as email,
       exists (select from blocks b where b.user_id = $1 and (b.expires_at is null or b.expires_at > clock_now())) as blocked;

-- name: write_wrong_code
-- Counts one wrong code. Locks the challenge only. No row: its state or attempts changed, decide again.
-- $1 challenge, $2 the state that was read, $3 whether the code was compared with a live one (0 or 1).
update challenges
   set attempts = attempts + 1,
       evaluated = evaluated + $3::smallint,
       state = case when attempts = 4 and state in ('pending_send', 'sent') then 'failed' else state end
 where challenge_id = $1 and state = $2 and attempts < 5
returning attempts;

-- name: write_session
-- One login: challenge consumed, code ended, its other challenges cancelled, user if new, session, network known, audit row,
-- projection work. Locks the e-mail's row, then its challenges and codes. Writes only if the e-mail's version is still $2
-- and the challenge still waits; returns the outbox id, or no row when it must be decided again.
with guard as (
    update emails set version = version + 1 where email_id = $1 and version = $2 returning email_id
), consumed as (
    update challenges set state = 'confirmed_pending_expire', confirmed_at = $3
     where challenge_id = $4 and state in ('pending_send', 'sent') and exists (select from guard)
    returning email_id, email, login_code_id, challenge_id, preferred_language
), ended as (
    update login_codes set ended_at = $3, sealed_code = null, seal_key_id = null
     where email_id = $1 and ended_at is null and expires_at > $3 and exists (select from consumed)
), cancelled as (
    update challenges set state = 'cancelled'
     where email_id = $1 and challenge_id <> $4 and state in ('pending_send', 'sent') and expires_at > $3
       and exists (select from consumed)
), new_user as (
    insert into users (user_id, email_id, email, preferred_language, time_zone, created_at)
    select $5, email_id, email, preferred_language, $7, $3 from consumed where $6::boolean
), session as (
    insert into device_sessions (device_session_id, user_id, client_public_key, login_code_id, challenge_id, created_at)
    select $8, $5, $9, login_code_id, challenge_id, $3 from consumed
    returning device_session_id
), known as (
    insert into known_networks (email_id, network_tag, confirmed_at)
    select email_id, $10, $3 from consumed
    on conflict (email_id, network_tag) do update set confirmed_at = excluded.confirmed_at
), audited as (
    insert into audit_events (occurred_at, event, outcome, caller, network, request_id, subject, details)
    select $3, 'security.create_session', 'created', 'public', $11, $12, device_session_id,
           jsonb_build_object('user_id', $5::text)
      from session
)
insert into projection_outbox (device_session_id, enqueued_at, available_at)
select device_session_id, $3, $3::timestamptz + interval '2 seconds' from session
returning outbox_id;

-- name: write_revoked_for_limit
-- Makes room under policy `revoke_oldest`, in the transaction of write_session: sessions, audit rows, projection work.
-- $1 user, $2 now, $3 network, $4 request id.
with revoked as materialized (
    select * from revoke_oldest_sessions($1)
), audited as (
    insert into audit_events (occurred_at, event, outcome, caller, actor_type, network, request_id, subject, reason_code, details)
    select $2, 'security.revoke_session', 'revoked', 'public', 'system', $3, $4, device_session_id, revoke_reason_code,
           jsonb_build_object('user_id', $1::text)
      from revoked
), queued as (
    insert into projection_outbox (device_session_id, enqueued_at, available_at)
    select device_session_id, $2, $2::timestamptz + interval '2 seconds' from revoked
    returning outbox_id, device_session_id
)
select queued.outbox_id, revoked.* from queued join revoked using (device_session_id);

-- name: queue_record
-- Projection work for a session that did not change, so that its record is written again.
insert into projection_outbox (device_session_id, enqueued_at, available_at)
values ($1, clock_now(), clock_now() + interval '2 seconds')
returning outbox_id;

-- name: claim_deliveries
-- Leases up to $1 due mails for $3, first tries first, at most $2 of them tried before; skips what another courier holds.
-- A mail may wait while its domain is blocked: so that is looked at again here.
with clock as materialized (
    select clock_now() as now
), first_tries as (
    select delivery_id from mail_deliveries
     where state = 'queued' and attempts = 0 and next_attempt_at <= (select now from clock)
     order by next_attempt_at limit $1
       for no key update skip locked
), tried_before as (
    select delivery_id from mail_deliveries
     where state = 'queued' and attempts > 0 and next_attempt_at <= (select now from clock)
     order by next_attempt_at limit least($2, $1 - (select count(*) from first_tries))
       for no key update skip locked
)
update mail_deliveries m
   set attempts = m.attempts + 1, next_attempt_at = clock.now + $3::interval
  from clock, login_codes l, settings s
 -- By an array and not by a join, whose plan might read every mail that was ever sent.
 where m.delivery_id = any (array(select delivery_id from first_tries union all select delivery_id from tried_before))
   and l.login_code_id = m.login_code_id
returning m.delivery_id, m.challenge_id, m.login_code_id, m.email, m.locale, m.queued_at, m.attempts,
          l.seal_key_id, l.sealed_code,
          case when l.ended_at is null then l.expires_at - clock.now else interval '0' end as code_lives_for,
          is_email_domain_refused(m.email, s.blocked_email_domains, s.allowed_email_domains) as domain_refused;

-- name: is_claim_good
-- Whether a mail may still be sent: its code lives, its domain is not refused, and the claim that counted $2 attempts is
-- the last one.
select exists (
    select from mail_deliveries m join login_codes l using (login_code_id) cross join settings s
     where m.delivery_id = $1 and m.attempts = $2 and m.state = 'queued'
       and l.ended_at is null and l.expires_at > clock_now()
       and not is_email_domain_refused(m.email, s.blocked_email_domains, s.allowed_email_domains));

-- name: settle_deliveries
-- Finishes, or puts off, the mails that were claimed; of a claim that another courier took over, only that it was sent.
-- $1 ids, $2 the attempts that each claim counted, $3 states, $4 reasons, $5 waits before the next try.
with outcome as (
    select * from unnest($1::uuid[], $2::integer[], $3::text[], $4::text[], $5::interval[])
                  as o (delivery_id, attempts, state, reason, wait)
), settled as (
    update mail_deliveries m
       set state = o.state, reason = o.reason,
           next_attempt_at = case when o.state = 'queued' then clock_now() + o.wait else m.next_attempt_at end,
           finished_at = case when o.state = 'queued' then null else clock_now() end
      from outcome o
     where m.delivery_id = o.delivery_id and m.state = 'queued' and (m.attempts = o.attempts or o.state = 'sent')
    returning m.challenge_id, m.state
)
update challenges c set state = 'sent'
  from settled
 where settled.state = 'sent' and c.challenge_id = settled.challenge_id and c.state = 'pending_send';

-- name: erase_ended_codes
-- Erases up to $1 sealed codes whose life is over: a dump holds no code (SPEC §7.2).
update login_codes set sealed_code = null, seal_key_id = null
 where login_code_id in (
     select login_code_id from login_codes
      where sealed_code is not null and expires_at <= clock_now()
      order by expires_at limit $1
        for no key update skip locked);

-- name: abandon_ended_deliveries
-- Finishes up to $1 due mails whose code ended, so that after an outage the dead do not stand before the living.
with clock as materialized (
    select clock_now() as now
)
update mail_deliveries set state = 'abandoned', reason = 'code_ended', finished_at = (select now from clock)
 where delivery_id = any (array(
     select m.delivery_id from mail_deliveries m
      where m.state = 'queued' and m.next_attempt_at <= (select now from clock)
        and (select l.ended_at is not null or l.expires_at <= (select now from clock)
               from login_codes l where l.login_code_id = m.login_code_id)
      limit $1
        for no key update skip locked));

-- name: read_queue_state
-- How many mails are not finished, and the age of the oldest.
select count(*) as depth, coalesce(clock_now() - min(queued_at), interval '0') as oldest_age
  from mail_deliveries where state = 'queued';
