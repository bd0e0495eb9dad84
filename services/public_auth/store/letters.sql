-- name: write_notices
-- Queues notices of sessions that this transaction has written, each with the right to end its session, if it has a token.
-- Needs the locks of write_sessions. A mailbox gets five notices in 24 hours; more logins are not told.
-- All arrays have one element a session. :token_hash and :sealed_token are null if there is no page to end a session at.
-- Returns the ids of the queued letters.
with noticed as (
    select place, u.email_id, u.email, u.preferred_language, u.time_zone, d.device_session_id, d.label, d.created_at
      from unnest(:device_session_id::text[]) with ordinality as each (device_session_id, place)
      join device_sessions d on d.device_session_id = each.device_session_id
      join users u on u.user_id = d.user_id
     where (select count(*) from letters l
             where l.email_id = u.email_id and l.kind = 'notice' and l.queued_at > d.created_at - interval '24 hours') < 5
), right_to_end as (
    insert into session_notices (notice_id, device_session_id, token_hash, created_at)
    select (:letter_id::uuid[])[place], device_session_id, (:token_hash::bytea[])[place], created_at
      from noticed where (:token_hash::bytea[])[place] is not null
)
insert into letters (letter_id, kind, email_id, email, locale, device_session_id, time_zone, label, seal_key_id, sealed_token,
                     queued_at, next_attempt_at, expires_at)
select (:letter_id::uuid[])[place], 'notice', email_id, email, preferred_language, device_session_id, time_zone, label,
       (:seal_key_id::text[])[place], (:sealed_token::bytea[])[place], created_at, created_at, created_at + interval '24 hours'
  from noticed
returning letter_id;

-- name: claim_letters
-- Leases up to :limit due letters for :lease. Skips letters that another courier holds. Locks: letters, with SKIP LOCKED.
with clock as materialized (
    select clock_now() as now
)
update letters l
   set attempts = l.attempts + 1, next_attempt_at = clock.now + :lease::interval
  from clock, settings s
 where l.letter_id = any (array(
     select letter_id from letters
      where state = 'queued' and next_attempt_at <= (select now from clock)
      order by next_attempt_at limit :limit
        for no key update skip locked))
returning l.letter_id, l.kind, l.email, l.locale, l.device_session_id, l.time_zone, l.label, l.seal_key_id, l.sealed_token,
          l.queued_at, l.attempts, l.expires_at - clock.now as lives_for,
          is_email_domain_refused(l.email, s.blocked_email_domains, s.allowed_email_domains) as domain_refused,
          (select change_id from read_mail_connection()) as mail_change_id;

-- name: settle_letter
-- Finishes a letter that was claimed, or puts it off. Of a claim that another courier took over it takes only `sent`.
-- A finished letter loses its token, unless the development mailbox is to show it (:is_kept). Locks: letters.
update letters
   set state = :state, reason = :reason,
       next_attempt_at = case when :state = 'queued' then clock_now() + :wait::interval else next_attempt_at end,
       finished_at = case when :state = 'queued' then null else clock_now() end,
       is_kept = :is_kept,
       seal_key_id = case when :state = 'queued' or :is_kept then seal_key_id end,
       sealed_token = case when :state = 'queued' or :is_kept then sealed_token end
 where letter_id = :letter_id and state = 'queued' and (attempts = :attempts or :state = 'sent');
