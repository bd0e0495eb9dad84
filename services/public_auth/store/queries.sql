-- A plan may be made while the tables are empty and stay in force until their first `analyze`. So the public process allows
-- nested loops over indexes only (`PUBLIC_SETTINGS`), and `coalesce(…, false)` around a condition on rows that are found by
-- their key keeps a plan from finding them by that condition's index, end to end (`test_plans_of_empty_tables.py`).

-- name: read_for_issue
-- All that the decisions about some sends need, in one snapshot; a row for each, with its place. Takes no lock.
-- $1 folded e-mails, $2 identities, $3 tags of the asking networks, $7 of them for each send, one after the other;
-- $4 new-address mail limit (null: off), $5 its window, $6 live challenges that one network may have, $8 whether all spellings
-- of an address are one person (SPEC §2.3), $9 mailboxes. `address` is where the letter goes.
with clock as materialized (
    select clock_now() as now, blocked_email_domains, allowed_email_domains from settings limit 1
)
select asked.place, clock.now, e.email_id, e.version, base.email_id as mailbox_id, base.version as mailbox_version,
       person.email is not null as has_confirmed,
       case when $8 then coalesce(person.email, asked.identity) else asked.identity end as address,
       coalesce(own_success.at > clock.now - interval '90 days', false) as known,
       exists (select from blocks b where b.email_id = e.email_id and (b.expires_at is null or b.expires_at > clock.now))
       or exists (select from users u join blocks b on b.user_id = u.user_id
                   where u.email_id = e.email_id and ($8 or u.email = asked.identity)
                     and (b.expires_at is null or b.expires_at > clock.now)) as blocked,
       is_email_domain_refused(asked.identity, clock.blocked_email_domains, clock.allowed_email_domains) as domain_refused,
       case when $4::bigint is null then 0 else
           (select count(*) from (
               select from mail_deliveries n
                where n.network_tag = any (asked.tags) and n.to_new_address
                  and n.queued_at > clock.now - $5::interval limit $4) counted)
       end as new_address_mails,
       mails.hour_total as mails_hour_total, mails.hour_own as mails_hour_own,
       mails.day_total as mails_day_total, mails.day_own as mails_day_own,
       coalesce(evaluated.total, 0) + coalesce(live.reserved_total, 0) as wrong_codes_total,
       coalesce(evaluated.own, 0) + coalesce(live.reserved_own, 0) as wrong_codes_own,
       code.login_code_id, code.expires_at as code_expires_at, mails.code_mailed_at, mails.code_total, mails.code_own,
       live.places_total, live.places_own, live.own_places,
       withheld.own_id as withheld_own_id, withheld.own_attempts as withheld_own_attempts
  from (
      select folded, identity, mailbox, ($3::bytea[])[(place - 1) * $7 + 1 : place * $7] as tags, place
        from unnest($1::text[], $2::text[], $9::text[]) with ordinality as each (folded, identity, mailbox, place)
      offset 0  -- cuts the tags once, not wherever they are compared
  ) asked
 cross join clock
  left join emails e on e.folded = asked.folded
  -- Of `anna+shop@` the row of `anna@`, where their mails are counted together.
  left join emails base on base.folded = asked.mailbox and asked.mailbox <> asked.folded
  left join lateral (
      -- Whose address it is: of several users from before SPEC §2.3 said so, the oldest.
      select u.email from users u where u.email_id = e.email_id order by u.created_at, u.user_id limit 1
  ) person on true
  left join lateral (
      -- A network's success makes it known, and forgives its wrong codes.
      select max(k.confirmed_at) as at from known_networks k
       where k.email_id = e.email_id and k.network_tag = any (asked.tags)
  ) own_success on true
  left join lateral (
      -- Known networks need not look further back than the last success: so their read is short however often they log in.
      select coalesce(max(c.confirmed_at), '-infinity') as at from challenges c
       where c.email_id = e.email_id and c.confirmed_at is not null and own_success.at > clock.now - interval '90 days'
  ) success on true
  left join lateral (
      -- The order of the index, so that nothing is sorted: of codes that did not end, the one that expires last.
      select l.login_code_id, l.expires_at from login_codes l
       where l.email_id = e.email_id and ($8 or l.email = asked.identity) and l.ended_at is null and l.expires_at > clock.now
       order by l.ended_at desc, l.expires_at desc limit 1
  ) code on true
  left join lateral (
      -- A mail whose code logged somebody in does not count.
      select count(*) filter (where hour) as hour_total, count(*) filter (where hour and own) as hour_own,
             count(*) as day_total, count(*) filter (where own) as day_own,
             max(queued_at) filter (where of_code) as code_mailed_at,
             count(*) filter (where of_code) as code_total, count(*) filter (where of_code and own) as code_own
        from (select m.queued_at, m.queued_at > clock.now - interval '1 hour' as hour, m.network_tag = any (asked.tags) as own,
                     m.login_code_id = code.login_code_id as of_code
                from (select queued_at, network_tag, login_code_id from mail_deliveries
                       where email_id = case when asked.mailbox = asked.folded then e.email_id else base.email_id end
                         and state in ('queued', 'sent') and queued_at > clock.now - interval '24 hours' and queued_at > success.at
                      union all
                      select queued_at, network_tag, login_code_id from mail_deliveries
                       where mailbox = asked.mailbox
                         and state in ('queued', 'sent') and queued_at > clock.now - interval '24 hours' and queued_at > success.at
                     ) m
               where success.at > '-infinity'
                  or not exists (select from login_codes l where l.login_code_id = m.login_code_id and l.ended_at is not null)
              offset 0) m
  ) mails on true
  left join lateral (
      -- A reservation outlives its challenge by a minute, so that a wrong code under way when it expires is still counted.
      select sum(left_over) as reserved_total, sum(left_over) filter (where own) as reserved_own,
             count(*) filter (where place) as places_total, count(*) filter (where place and own) as places_own,
             array_agg(row (created_at, challenge_id, attempts)) filter (where place and own) as own_places
        from (select c.challenge_id, c.attempts, c.created_at, 5 - c.attempts as left_over, c.network_tag = any (asked.tags) as own,
                     c.login_code_id = code.login_code_id and c.expires_at > clock.now as place
                from challenges c
               where c.email_id = e.email_id and c.state in ('pending_send', 'sent')
                 and c.expires_at > clock.now - interval '1 minute'
              offset 0) c
  ) live on true
  left join lateral (
      -- Before the right code they were slips: whoever knew the handle had the mail too. Nobody's success forgives others.
      select sum(c.evaluated) as total,
             sum(c.evaluated) filter (where c.network_tag = any (asked.tags)
                                        and c.created_at > coalesce(own_success.at, '-infinity')) as own
        from challenges c
       where c.email_id = e.email_id and c.evaluated > 0 and c.attempts > 0 and c.confirmed_at is null
         and c.expires_at > clock.now - interval '24 hours'
  ) evaluated on true
  left join lateral (
      -- What a decoy rewrites where a real challenge would take a place: there when the network has as many withheld
      -- challenges as it may have live ones. Any will do: a flood must not make this read longer.
      select w.challenge_id as own_id, w.attempts as own_attempts from challenges w
       where w.email_id = e.email_id and w.network_tag = any (asked.tags) and w.login_code_id is null and w.expires_at > clock.now
      offset $6::integer - 1 limit 1
  ) withheld on true;

-- name: write_issue
-- Some sends, whatever was decided of each: the same rows (SPEC §3.4). Of one mailbox there is one send at most. Locks the rows of
-- its address and, for `anna+shop@`, of its mailbox, in their order, leaving out what somebody else holds; then the challenges that give
-- up their place (a withheld one has none, and is only rewritten). Writes a send only if the versions of these rows are still those that
-- were read (null: no such row) and the attempts of that challenge are too; returns the deliveries' ids: who is not among them must be
-- decided again. $1 now, $2 and $3 lives of a code and of a challenge.
-- Of each row to be locked: $4 its address, $5 id and $6 version, $7 the place of its send, $8 whether it is the address' own row.
-- Of each send, by its place: $9 how many of them it has, $10 where the letter goes, $26 mailbox if it is not the address itself, $27 challenge that
-- gives up its place, $28 its attempts; the rest is what its rows hold. A column is taken from its array where it is written: Postgres
-- describes the rows of each node anew at every call, so between the nodes they are narrow.
with held as (
    select each.n, e.email_id
      from unnest($5::bigint[]) with ordinality as each (email_id, n)
      join emails e on e.email_id = each.email_id and e.version = ($6::bigint[])[n]
     order by e.email_id for no key update of e skip locked
), guard as (
    update emails e set version = e.version + 1 from held where e.email_id = held.email_id returning held.n, e.email_id
), made as (
    insert into emails (folded, created_at)
    select folded, $1 from unnest($4::text[]) with ordinality as each (folded, n)
     where ($5::bigint[])[n] is null order by folded
    on conflict (folded) do nothing
    returning email_id, folded
), guarded as materialized (
    select ($7::bigint[])[n] as place, max(email_id) filter (where ($8::boolean[])[n]) as email_id
      from (select n, email_id from guard
            union all
            select array_position($4::text[], folded), email_id from made) each
     group by 1 having count(*) = ($9::integer[])[($7::bigint[])[n]]
), displaced as (
    update challenges c set state = case when c.login_code_id is null then c.state else 'cancelled' end
      from guarded
     where c.challenge_id = ($27::text[])[place] and c.attempts = ($28::smallint[])[place]
       and (c.state in ('pending_send', 'sent') or c.login_code_id is null)
    returning place
), passed as materialized (
    select place, email_id from guarded where ($27::text[])[place] is null or place in (select place from displaced)
), code as (
    insert into login_codes (login_code_id, email_id, email, key_id, salt, mac,
                             sealed_code, seal_key_id, created_at, expires_at, ended_at)
    select ($11::uuid[])[place], email_id, ($10::text[])[place], ($12::text[])[place], ($13::bytea[])[place], ($14::bytea[])[place],
           ($15::bytea[])[place], ($16::text[])[place], $1, $1 + $2::interval, ($17::timestamptz[])[place]
      from passed
), challenge as (
    insert into challenges (challenge_id, email_id, email, login_code_id, network_tag,
                            preferred_language, state, created_at, expires_at)
    select ($18::text[])[place], email_id, ($10::text[])[place], ($19::uuid[])[place], ($20::bytea[])[place],
           ($21::text[])[place], ($22::text[])[place], $1, $1 + $3::interval
      from passed
)
insert into mail_deliveries (delivery_id, challenge_id, login_code_id, email_id, email, mailbox, locale, network_tag,
                             to_new_address, state, reason, queued_at, next_attempt_at,
                             finished_at)
select ($23::uuid[])[place], ($18::text[])[place], ($19::uuid[])[place], email_id, ($10::text[])[place], ($26::text[])[place], ($21::text[])[place], ($20::bytea[])[place],
       ($29::boolean[])[place], ($24::text[])[place], ($25::text[])[place], $1, $1,
       case when ($24::text[])[place] = 'queued' then null else $1::timestamptz end
  from passed
returning delivery_id;

-- name: lock_email
-- Locks the rows of an address and of its mailbox, so that the next statement's snapshot is younger than every change to them.
select version from emails where folded = any ($1) order by email_id for update;

-- name: lock_email_of_challenge
-- The same, by a challenge of the e-mail.
select e.version from emails e where e.email_id = (select c.email_id from challenges c where c.challenge_id = $1) for update;

-- name: read_for_confirm
-- All that the decisions about some confirms need, in one snapshot; no row for an unknown challenge. Takes no lock.
-- $1 challenges, $2 whether all spellings of an address are one person: its oldest user, should there be several.
with clock as materialized (
    select clock_now() as now, session_limit, session_limit_policy, require_client_key_proof, session_max_age,
           blocked_email_domains, allowed_email_domains
      from settings limit 1
)
select clock.now, c.challenge_id as id, c.email_id, c.email, e.version, c.state, c.attempts, c.expires_at, c.confirmed_at, c.preferred_language,
       c.login_code_id, l.key_id, l.salt, l.mac,
       l.ended_at is null and l.expires_at > clock.now as code_lives,
       u.user_id as existing_user_id,
       exists (select from blocks b where b.email_id = c.email_id and (b.expires_at is null or b.expires_at > clock.now))
       or exists (select from users p join blocks b on b.user_id = p.user_id
                   where p.email_id = c.email_id and ($2 or p.email = c.email)
                     and (b.expires_at is null or b.expires_at > clock.now))
       or is_email_domain_refused(c.email, clock.blocked_email_domains, clock.allowed_email_domains) as blocked,
       clock.session_limit, clock.session_limit_policy, clock.require_client_key_proof,
       case when clock.session_limit = 0 then 0 else (
           select count(*) from device_sessions a
            where a.user_id = u.user_id and a.status = 'active' and a.created_at > clock.now - clock.session_max_age)
       end as active_sessions,
       d.device_session_id, d.user_id, d.client_public_key, d.status, d.created_at, d.revoked_at,
       d.revoke_reason_code, d.revoke_actor_type, d.revoke_actor_id
  from clock
  join challenges c on c.challenge_id = any ($1)
  join emails e on e.email_id = c.email_id
  left join login_codes l on l.login_code_id = c.login_code_id
  left join lateral (
      select p.user_id from users p
       where p.email_id = c.email_id and ($2 or p.email = c.email)
       order by p.created_at, p.user_id limit 1
  ) u on true
  -- No key to look for, where there was no login.
  left join device_sessions d on d.challenge_id = case when c.confirmed_at is not null then c.challenge_id end;

-- name: read_named_user
-- What we know of the user $1 whom the user directory named for the address $2: whom we know by that address, the address
-- we know that user by, and whether they are blocked.
select (select u.user_id from users u where u.email = $2) as user_id,
       (select u.email from users u where u.user_id = $1) as email,
       exists (select from blocks b where b.user_id = $1 and (b.expires_at is null or b.expires_at > clock_now())) as blocked;

-- name: write_wrong_code
-- Counts one wrong code. Locks the challenge only, and one alone: who locks rows of several e-mails without their e-mails'
-- rows must wait for nobody, or two could wait for each other. No row: its state or attempts changed, decide again.
-- $1 challenge, $2 the state that was read, $3 whether the code was compared with a live one (0 or 1).
update challenges
   set attempts = attempts + 1,
       evaluated = evaluated + $3::smallint,
       state = case when attempts = 4 and state in ('pending_send', 'sent') then 'failed' else state end
 where challenge_id = $1 and state = $2 and attempts < 5
returning attempts;

-- name: hold_challenge
-- For an outcome that tells that a code is right and writes nothing. Waits for its turn behind the wrong codes under way, as
-- write_wrong_code does, and like it locks the challenge alone. No row: its state or attempts changed, decide again. $1, $2 as there.
select true from challenges where challenge_id = $1 and state = $2 and attempts < 5 for no key update;

-- name: write_sessions
-- Some logins, each of another e-mail: challenge consumed, code ended, its other challenges cancelled, user if new, session, network
-- known, audit row, projection work. Locks the e-mails' rows in their order, leaving out what somebody else holds, then their challenges
-- and codes. Writes a login only if its e-mail's version is still the one that was read and its challenge still waits; returns
-- the sessions' ids with their outbox ids: who is not among them must be decided again.
-- $1 now; of each login, by its place as in write_issue: $2 id and $3 version of the e-mail's row, $4 challenge, $5 user, $6 whether new,
-- $7 time zone, $8 session, $9 client key, $10 network tag, $11 network, $12 request id.
with held as (
    select each.place, e.email_id
      from unnest($2::bigint[]) with ordinality as each (email_id, place)
      join emails e on e.email_id = each.email_id and e.version = ($3::bigint[])[place]
     order by e.email_id for no key update of e skip locked
), guard as (
    update emails e set version = e.version + 1 from held where e.email_id = held.email_id returning held.place
), passed as (
    update challenges c set state = 'confirmed_pending_expire', confirmed_at = $1
      from guard
     where c.challenge_id = ($4::text[])[place] and coalesce(c.state in ('pending_send', 'sent'), false)
    returning place, c.challenge_id, c.email_id, c.email, c.login_code_id, c.preferred_language
), ended as (
    update login_codes set ended_at = $1, sealed_code = null, seal_key_id = null
     where email_id = any (array(select email_id from passed)) and ended_at is null and expires_at > $1
), cancelled as (
    update challenges set state = 'cancelled'
     where email_id = any (array(select email_id from passed)) and challenge_id <> all ($4)
       and state in ('pending_send', 'sent') and expires_at > $1
), new_user as (
    insert into users (user_id, email_id, email, preferred_language, time_zone, created_at)
    select ($5::text[])[place], email_id, email, preferred_language, ($7::text[])[place], $1 from passed where ($6::boolean[])[place]
), session as (
    insert into device_sessions (device_session_id, user_id, client_public_key, login_code_id, challenge_id, created_at)
    select ($8::text[])[place], ($5::text[])[place], ($9::bytea[])[place], login_code_id, challenge_id, $1 from passed
), known as (
    insert into known_networks (email_id, network_tag, confirmed_at) select email_id, ($10::bytea[])[place], $1 from passed
    on conflict (email_id, network_tag) do update set confirmed_at = excluded.confirmed_at
), audited as (
    insert into audit_events (occurred_at, event, outcome, caller, network, request_id, subject, details)
    select $1, 'security.create_session', 'created', 'public', ($11::text[])[place], ($12::text[])[place], ($8::text[])[place],
           jsonb_build_object('user_id', ($5::text[])[place])
      from passed
)
insert into projection_outbox (device_session_id, enqueued_at, available_at)
select ($8::text[])[place], $1, $1::timestamptz + interval '2 seconds' from passed
returning outbox_id, device_session_id;

-- name: write_revoked_for_limit
-- Makes room under policy `revoke_oldest`, in the transaction of write_sessions: sessions, audit rows, projection work.
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
     where m.delivery_id = $1 and m.attempts = $2 and coalesce(m.state = 'queued', false)
       and coalesce(l.ended_at is null and l.expires_at > clock_now(), false)
       and not is_email_domain_refused(m.email, s.blocked_email_domains, s.allowed_email_domains));

-- name: settle_deliveries
-- Finishes, or puts off, the mails that were claimed; of a claim that another courier took over, only that it was sent.
-- Waits for no challenge: one that is being guessed at or confirmed just now stays `pending_send`, which confirms alike; else
-- this and a batch of confirms could wait for each other.
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
     where m.delivery_id = o.delivery_id and coalesce(m.state = 'queued', false) and (m.attempts = o.attempts or o.state = 'sent')
    returning m.challenge_id, m.state
)
update challenges set state = 'sent'
 where challenge_id = any (array(
     select c.challenge_id from challenges c join settled using (challenge_id)
      where settled.state = 'sent' and coalesce(c.state = 'pending_send', false)
        for no key update of c skip locked));

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
