-- Postgres may plan a statement while the tables are empty, and keep that plan until their first `analyze`. Two things keep
-- such a plan fast (`test_plans_of_empty_tables.py`): the public process allows nested loops over indexes only
-- (`PUBLIC_SETTINGS`), and a condition on rows that are found by their key stands in `coalesce(…, false)`, so that no plan
-- finds them by that condition's index, end to end.

-- name: read_for_issue
-- Everything that the decisions about some sends need, in one snapshot: a row a send, with its place. Takes no lock.
-- :folded, :identity and :mailbox have one element a send. :network_tags has :tags_per_send of them, the tags of the
-- asking network, send after send. A null :new_address_mail_limit is off. :users_live_here says that all spellings of an
-- address are one person (SPEC §2.3). `address` is the recipient of the letter.
with clock as materialized (
    select clock_now() as now, blocked_email_domains, allowed_email_domains, sign_up from settings limit 1
)
select asked.place, clock.now, e.email_id, e.version, base.email_id as mailbox_id, base.version as mailbox_version,
       person.email is not null as has_confirmed,
       case when :users_live_here then coalesce(person.email, asked.identity) else asked.identity end as address,
       coalesce(own_success.at > clock.now - interval '90 days', false) as known,
       exists (select from blocks b where b.email_id = e.email_id and (b.expires_at is null or b.expires_at > clock.now))
       or exists (select from users u join blocks b on b.user_id = u.user_id
                   where u.email_id = e.email_id and (:users_live_here or u.email = asked.identity)
                     and (b.expires_at is null or b.expires_at > clock.now)) as blocked,
       is_email_domain_refused(asked.identity, clock.blocked_email_domains, clock.allowed_email_domains) as domain_refused,
       -- The invitation is looked up first, so that a user and a stranger cost the same.
       :users_live_here and not (may_sign_up(clock.sign_up, e.email_id, clock.now) or person.email is not null)
           as sign_up_refused,
       case when :new_address_mail_limit::bigint is null then 0 else
           (select count(*) from (
               select from mail_deliveries n
                where n.network_tag = any (asked.tags) and n.to_new_address
                  and n.queued_at > clock.now - :new_address_mail_window::interval limit :new_address_mail_limit) counted)
       end as new_address_mails,
       mails.hour_total as mails_hour_total, mails.hour_own as mails_hour_own,
       mails.day_total as mails_day_total, mails.day_own as mails_day_own,
       coalesce(evaluated.total, 0) + coalesce(live.reserved_total, 0) as wrong_codes_total,
       coalesce(evaluated.own, 0) + coalesce(live.reserved_own, 0) as wrong_codes_own,
       code.login_code_id, code.expires_at as code_expires_at, mails.code_mailed_at, mails.code_total, mails.code_own,
       live.places_total, live.places_own, live.own_places,
       withheld.own_id as withheld_own_id, withheld.own_attempts as withheld_own_attempts
  from (
      select folded, identity, mailbox,
             (:network_tags::bytea[])[(place - 1) * :tags_per_send + 1 : place * :tags_per_send] as tags, place
        from unnest(:folded::text[], :identity::text[], :mailbox::text[])
             with ordinality as each (folded, identity, mailbox, place)
      offset 0  -- cuts the tags once, not wherever they are compared
  ) asked
 cross join clock
  left join emails e on e.folded = asked.folded
  -- For `anna+shop@` this is the row of `anna@`, which counts the mails of both.
  left join emails base on base.folded = asked.mailbox and asked.mailbox <> asked.folded
  left join lateral (
      -- The user of the address. Users from before SPEC §2.3 may share one: then the oldest counts.
      select u.email from users u where u.email_id = e.email_id order by u.created_at, u.user_id limit 1
  ) person on true
  left join lateral (
      -- A network's success makes it known, and forgives its wrong codes.
      select max(k.confirmed_at) as at from known_networks k
       where k.email_id = e.email_id and k.network_tag = any (asked.tags)
  ) own_success on true
  left join lateral (
      -- A known network looks back to its last success only, so its read is short however often it logs in.
      select coalesce(max(c.confirmed_at), '-infinity') as at from challenges c
       where c.email_id = e.email_id and c.confirmed_at is not null and own_success.at > clock.now - interval '90 days'
  ) success on true
  left join lateral (
      -- The code that expires last of those that did not end. This is the order of the index, so nothing is sorted.
      select l.login_code_id, l.expires_at from login_codes l
       where l.email_id = e.email_id and (:users_live_here or l.email = asked.identity)
         and l.ended_at is null and l.expires_at > clock.now
       order by l.ended_at desc, l.expires_at desc limit 1
  ) code on true
  left join lateral (
      -- A mail does not count if its code led to a login.
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
      -- A reservation outlives its challenge by a minute, so that a wrong code under way at the expiry still counts.
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
      -- Wrong codes before the right one were slips: the client that knew the challenge's id had the mail too. A success
      -- forgives the wrong codes of its own network only.
      select sum(c.evaluated) as total,
             sum(c.evaluated) filter (where c.network_tag = any (asked.tags)
                                        and c.created_at > coalesce(own_success.at, '-infinity')) as own
        from challenges c
       where c.email_id = e.email_id and c.evaluated > 0 and c.attempts > 0 and c.confirmed_at is null
         and c.expires_at > clock.now - interval '24 hours'
  ) evaluated on true
  left join lateral (
      -- A decoy rewrites this challenge where a real one would take a place. There is one if the network has as many
      -- withheld challenges as it may have live ones. Any of them will do: a flood must not make this read longer.
      select w.challenge_id as own_id, w.attempts as own_attempts from challenges w
       where w.email_id = e.email_id and w.network_tag = any (asked.tags) and w.login_code_id is null and w.expires_at > clock.now
      offset :live_challenges_per_network::integer - 1 limit 1
  ) withheld on true;

-- name: write_issue
-- Writes some sends. Every decision about a send writes the same rows (SPEC §3.4). A mailbox has one send at most.
-- Locks: the `emails` rows of the addresses and, for `anna+shop@`, of its mailbox, in the order of their ids, with
-- SKIP LOCKED; then the challenges that give up their place. (A withheld challenge has no place and is only rewritten.)
-- Writes a send only if the versions of its `emails` rows are still those that were read (null: no such row), and the attempts
-- of that challenge are too. Returns the ids of the deliveries: a send whose delivery is missing must be decided again.
-- The :guard_… arrays have one element a row to be locked: :guard_place is the place of its send, :guard_is_own tells the
-- row of the address from the row of its mailbox. All other arrays have one element a send, by its place: :guard_count is the
-- number of rows it locks, :email the recipient of the letter, :mailbox null if it is the address itself, :displaced_id the
-- challenge that gives up its place. The rest are columns of the send's rows.
-- Each column is taken from its array only where it is written: Postgres describes the rows of each plan node anew at every
-- call, so the rows between the nodes must be narrow.
with held as (
    select each.n, e.email_id
      from unnest(:guard_email_id::bigint[]) with ordinality as each (email_id, n)
      join emails e on e.email_id = each.email_id and e.version = (:guard_version::bigint[])[n]
     order by e.email_id for no key update of e skip locked
), guard as (
    update emails e set version = e.version + 1 from held where e.email_id = held.email_id returning held.n, e.email_id
), made as (
    insert into emails (folded, created_at)
    select folded, :now from unnest(:guard_folded::text[]) with ordinality as each (folded, n)
     where (:guard_email_id::bigint[])[n] is null order by folded
    on conflict (folded) do nothing
    returning email_id, folded
), guarded as materialized (
    select (:guard_place::bigint[])[n] as place, max(email_id) filter (where (:guard_is_own::boolean[])[n]) as email_id
      from (select n, email_id from guard
            union all
            select array_position(:guard_folded::text[], folded), email_id from made) each
     group by 1 having count(*) = (:guard_count::integer[])[(:guard_place::bigint[])[n]]
), displaced as (
    update challenges c set state = case when c.login_code_id is null then c.state else 'cancelled' end
      from guarded
     where c.challenge_id = (:displaced_id::text[])[place] and c.attempts = (:displaced_attempts::smallint[])[place]
       and (c.state in ('pending_send', 'sent') or c.login_code_id is null)
    returning place
), passed as materialized (
    select place, email_id from guarded where (:displaced_id::text[])[place] is null or place in (select place from displaced)
), code as (
    insert into login_codes (login_code_id, email_id, email, key_id, salt, mac,
                             sealed_code, seal_key_id, created_at, expires_at, ended_at)
    select (:new_code_id::uuid[])[place], email_id, (:email::text[])[place], (:key_id::text[])[place],
           (:salt::bytea[])[place], (:mac::bytea[])[place], (:sealed_code::bytea[])[place],
           (:seal_key_id::text[])[place], :now, :now + :code_life::interval, (:code_ended_at::timestamptz[])[place]
      from passed
), challenge as (
    insert into challenges (challenge_id, email_id, email, login_code_id, network_tag,
                            preferred_language, state, created_at, expires_at)
    select (:challenge_id::text[])[place], email_id, (:email::text[])[place], (:login_code_id::uuid[])[place],
           (:network_tag::bytea[])[place], (:preferred_language::text[])[place], (:challenge_state::text[])[place],
           :now, :now + :challenge_life::interval
      from passed
)
insert into mail_deliveries (delivery_id, challenge_id, login_code_id, email_id, email, mailbox, locale, network_tag,
                             to_new_address, state, reason, queued_at, next_attempt_at,
                             finished_at)
select (:delivery_id::uuid[])[place], (:challenge_id::text[])[place], (:login_code_id::uuid[])[place], email_id,
       (:email::text[])[place], (:mailbox::text[])[place], (:preferred_language::text[])[place],
       (:network_tag::bytea[])[place], (:to_new_address::boolean[])[place], (:delivery_state::text[])[place],
       (:reason::text[])[place], :now, :now,
       case when (:delivery_state::text[])[place] = 'queued' then null else :now::timestamptz end
  from passed
returning delivery_id;

-- name: lock_email
-- Locks the rows of an address and of its mailbox. The next statement's snapshot is younger than every change to them.
select version from emails where folded = any (:folded) order by email_id for update;

-- name: lock_email_of_challenge
-- Locks the row of a challenge's address. The next statement's snapshot is younger than every change to it.
select e.version from emails e
 where e.email_id = (select c.email_id from challenges c where c.challenge_id = :challenge_id) for update;

-- name: read_for_confirm
-- Everything that the decisions about some confirms need, in one snapshot; no row for an unknown challenge. Takes no lock.
-- :users_live_here says that all spellings of an address are one person: its oldest user, should there be several.
-- :network_tags has :tags_per_confirm elements a confirm, in the order of :challenge_ids: the tags of its network. They say
-- whether the login of a user is to be told to the user; of confirms of one challenge the first counts.
with clock as materialized (
    select clock_now() as now, session_limit, session_limit_policy, require_client_key_proof, session_max_age,
           blocked_email_domains, allowed_email_domains, sign_up, new_device_notice
      from settings limit 1
)
select clock.now, c.challenge_id as id, c.email_id, c.email, e.version, c.state, c.attempts, c.expires_at, c.confirmed_at, c.preferred_language,
       c.login_code_id, l.key_id, l.salt, l.mac,
       l.ended_at is null and l.expires_at > clock.now as code_lives,
       u.user_id as existing_user_id,
       exists (select from blocks b where b.email_id = c.email_id and (b.expires_at is null or b.expires_at > clock.now))
       or exists (select from users p join blocks b on b.user_id = p.user_id
                   where p.email_id = c.email_id and (:users_live_here or p.email = c.email)
                     and (b.expires_at is null or b.expires_at > clock.now))
       or is_email_domain_refused(c.email, clock.blocked_email_domains, clock.allowed_email_domains) as blocked,
       may_sign_up(clock.sign_up, c.email_id, clock.now) as may_sign_up,
       clock.session_limit, clock.session_limit_policy, clock.require_client_key_proof,
       case when clock.session_limit = 0 then 0 else (
           select count(*) from device_sessions a
            where a.user_id = u.user_id and a.status = 'active' and a.created_at > clock.now - clock.session_max_age)
       end as active_sessions,
       -- The network is looked up whether there is a user or not, so that a guess takes no longer for one of both.
       case clock.new_device_notice
            when 'off' then false
            when 'every_login' then u.user_id is not null
            else not exists (
                select from known_networks k
                 where k.email_id = c.email_id and k.confirmed_at > clock.now - interval '90 days'
                   and k.network_tag = any (
                       (:network_tags::bytea[])[(array_position(:challenge_ids::text[], c.challenge_id) - 1) * :tags_per_confirm::integer + 1 :
                                                array_position(:challenge_ids::text[], c.challenge_id) * :tags_per_confirm::integer]))
                and u.user_id is not null
       end as is_notice_due,
       d.device_session_id, d.user_id, d.client_public_key, d.status, d.created_at, d.revoked_at,
       d.revoke_reason_code, d.revoke_actor_type, d.revoke_actor_id
  from clock
  join challenges c on c.challenge_id = any (:challenge_ids::text[])
  join emails e on e.email_id = c.email_id
  left join login_codes l on l.login_code_id = c.login_code_id
  left join lateral (
      select p.user_id from users p
       where p.email_id = c.email_id and (:users_live_here or p.email = c.email)
       order by p.created_at, p.user_id limit 1
  ) u on true
  -- No key to look for, where there was no login.
  left join device_sessions d on d.challenge_id = case when c.confirmed_at is not null then c.challenge_id end;

-- name: read_named_user
-- The user directory named :user_id for the address :email. This reads the user that we know by that address, the address
-- that we know that user by, and whether they are blocked.
select (select u.user_id from users u where u.email = :email) as user_id,
       (select u.email from users u where u.user_id = :user_id) as email,
       exists (select from blocks b
                where b.user_id = :user_id and (b.expires_at is null or b.expires_at > clock_now())) as blocked;

-- name: write_wrong_code
-- Counts one wrong code. Locks one challenge row and nothing else.
-- Deadlock rule: a statement that locks rows of several addresses without first locking their `emails` rows must use
-- SKIP LOCKED.
-- No row: the challenge's state or attempts changed; decide again.
-- :state is the one that was read. :evaluated is 1 if the code was compared with a live one, else 0.
update challenges
   set attempts = attempts + 1,
       evaluated = evaluated + :evaluated::smallint,
       state = case when attempts = 4 and state in ('pending_send', 'sent') then 'failed' else state end
 where challenge_id = :challenge_id and state = :state and attempts < 5
returning attempts;

-- name: hold_challenge
-- For an outcome that reveals that a code is right, and writes nothing. Locks one challenge row and nothing else, and so waits
-- for its turn behind the wrong codes under way, as write_wrong_code does.
-- No row: the challenge's state or attempts changed; decide again.
select true from challenges where challenge_id = :challenge_id and state = :state and attempts < 5 for no key update;

-- name: write_sessions
-- Writes some logins, each of another address: consumes the challenge, ends the code, cancels the other challenges, makes a
-- new user, and adds the session, the known network, the audit row and the projection work.
-- Locks: the `emails` rows in the order of their ids, with SKIP LOCKED; then their challenges and codes.
-- Writes a login only if the version of its `emails` row is still the one that was read, and its challenge still waits.
-- Returns the ids of the sessions with their outbox ids: a login whose session is missing must be decided again.
-- All arrays have one element a login, by its place as in write_issue. :version is that of the `emails` row.
with held as (
    select each.place, e.email_id
      from unnest(:email_id::bigint[]) with ordinality as each (email_id, place)
      join emails e on e.email_id = each.email_id and e.version = (:version::bigint[])[place]
     order by e.email_id for no key update of e skip locked
), guard as (
    update emails e set version = e.version + 1 from held where e.email_id = held.email_id returning held.place
), passed as (
    update challenges c set state = 'confirmed_pending_expire', confirmed_at = :now
      from guard
     where c.challenge_id = (:challenge_id::text[])[place] and coalesce(c.state in ('pending_send', 'sent'), false)
    returning place, c.challenge_id, c.email_id, c.email, c.login_code_id, c.preferred_language
), ended as (
    update login_codes set ended_at = :now, sealed_code = null, seal_key_id = null
     where email_id = any (array(select email_id from passed)) and ended_at is null and expires_at > :now
), cancelled as (
    update challenges set state = 'cancelled'
     where email_id = any (array(select email_id from passed)) and challenge_id <> all (:challenge_id)
       and state in ('pending_send', 'sent') and expires_at > :now
), new_user as (
    insert into users (user_id, email_id, email, preferred_language, time_zone, created_at)
    select (:user_id::text[])[place], email_id, email, preferred_language, (:time_zone::text[])[place], :now
      from passed where (:is_new_user::boolean[])[place]
), session as (
    insert into device_sessions (device_session_id, user_id, client_public_key, login_code_id, challenge_id, created_at, label)
    select (:device_session_id::text[])[place], (:user_id::text[])[place], (:client_public_key::bytea[])[place],
           login_code_id, challenge_id, :now, (:label::text[])[place]
      from passed
), known as (
    insert into known_networks (email_id, network_tag, confirmed_at)
    select email_id, (:network_tag::bytea[])[place], :now from passed
    on conflict (email_id, network_tag) do update set confirmed_at = excluded.confirmed_at
), audited as (
    insert into audit_events (occurred_at, event, outcome, caller, network, request_id, subject, details)
    select :now, 'security.create_session', 'created', 'public', (:network::text[])[place],
           (:request_id::text[])[place], (:device_session_id::text[])[place],
           jsonb_build_object('user_id', (:user_id::text[])[place])
      from passed
)
insert into projection_outbox (device_session_id, enqueued_at, available_at)
select (:device_session_id::text[])[place], :now, :now::timestamptz + interval '2 seconds' from passed
returning outbox_id, device_session_id;

-- name: write_revoked_for_limit
-- Makes room under policy `revoke_oldest`, in the transaction of write_sessions: sessions, audit rows, projection work.
with revoked as materialized (
    select * from revoke_oldest_sessions(:user_id)
), audited as (
    insert into audit_events (occurred_at, event, outcome, caller, actor_type, network, request_id, subject, reason_code, details)
    select :now, 'security.revoke_session', 'revoked', 'public', 'system', :network, :request_id, device_session_id,
           revoke_reason_code, jsonb_build_object('user_id', :user_id::text)
      from revoked
), queued as (
    insert into projection_outbox (device_session_id, enqueued_at, available_at)
    select device_session_id, :now, :now::timestamptz + interval '2 seconds' from revoked
    returning outbox_id, device_session_id
)
select queued.outbox_id, revoked.* from queued join revoked using (device_session_id);

-- name: queue_record
-- Projection work for a session that did not change, so that its record is written again.
insert into projection_outbox (device_session_id, enqueued_at, available_at)
values (:device_session_id, clock_now(), clock_now() + interval '2 seconds')
returning outbox_id;

-- name: claim_deliveries
-- Leases up to :limit due mails for :lease, first tries first, at most :tried_before_limit of them tried before.
-- Skips mails that another courier holds. A domain may be blocked while its mail waits, so this looks at the domain again.
with clock as materialized (
    select clock_now() as now
), first_tries as (
    select delivery_id from mail_deliveries
     where state = 'queued' and attempts = 0 and next_attempt_at <= (select now from clock)
     order by next_attempt_at limit :limit
       for no key update skip locked
), tried_before as (
    select delivery_id from mail_deliveries
     where state = 'queued' and attempts > 0 and next_attempt_at <= (select now from clock)
     order by next_attempt_at limit least(:tried_before_limit, :limit - (select count(*) from first_tries))
       for no key update skip locked
)
update mail_deliveries m
   set attempts = m.attempts + 1, next_attempt_at = clock.now + :lease::interval
  from clock, login_codes l, settings s
 -- By an array and not by a join: the plan of a join might read every mail that was ever sent.
 where m.delivery_id = any (array(select delivery_id from first_tries union all select delivery_id from tried_before))
   and l.login_code_id = m.login_code_id
returning m.delivery_id, m.challenge_id, m.login_code_id, m.email, m.locale, m.queued_at, m.attempts,
          l.seal_key_id, l.sealed_code,
          case when l.ended_at is null then l.expires_at - clock.now else interval '0' end as code_lives_for,
          is_email_domain_refused(m.email, s.blocked_email_domains, s.allowed_email_domains) as domain_refused,
          may_sign_up(s.sign_up, m.email_id, clock.now) as may_sign_up,
          (select change_id from read_mail_connection()) as mail_change_id;

-- name: read_mail_connection
-- The default mail connection, sealed.
select * from read_mail_connection();

-- name: is_claim_good
-- Whether a mail may still be sent: its code lives, its domain is not refused, and the claim that counted :attempts
-- is the last one.
select exists (
    select from mail_deliveries m join login_codes l using (login_code_id) cross join settings s
     where m.delivery_id = :delivery_id and m.attempts = :attempts and coalesce(m.state = 'queued', false)
       and coalesce(l.ended_at is null and l.expires_at > clock_now(), false)
       and not is_email_domain_refused(m.email, s.blocked_email_domains, s.allowed_email_domains));

-- name: settle_deliveries
-- Finishes, or puts off, the mails that were claimed. Of a claim that another courier took over it takes only `sent`.
-- Waits for no challenge, or this and a batch of confirms could wait for each other: a challenge that is locked just now stays
-- `pending_send`, which confirms alike.
-- All arrays have one element a mail: :attempts is the count of its claim, :wait the time before the next try.
with outcome as (
    select * from unnest(:delivery_id::uuid[], :attempts::integer[], :state::text[], :reason::text[], :wait::interval[])
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
-- Erases up to :limit sealed codes whose life is over, so that a dump holds no code (SPEC §7.2).
update login_codes set sealed_code = null, seal_key_id = null
 where login_code_id in (
     select login_code_id from login_codes
      where sealed_code is not null and expires_at <= clock_now()
      order by expires_at limit :limit
        for no key update skip locked);

-- name: abandon_ended_deliveries
-- Finishes up to :limit due mails whose code ended, so that after an outage they do not delay the mails whose code lives.
with clock as materialized (
    select clock_now() as now
)
update mail_deliveries set state = 'abandoned', reason = 'code_ended', finished_at = (select now from clock)
 where delivery_id = any (array(
     select m.delivery_id from mail_deliveries m
      where m.state = 'queued' and m.next_attempt_at <= (select now from clock)
        and (select l.ended_at is not null or l.expires_at <= (select now from clock)
               from login_codes l where l.login_code_id = m.login_code_id)
      limit :limit
        for no key update skip locked));

-- name: read_queue_state
-- How many mails are not finished, and the age of the oldest.
select count(*) as depth, coalesce(clock_now() - min(queued_at), interval '0') as oldest_age
  from mail_deliveries where state = 'queued';
