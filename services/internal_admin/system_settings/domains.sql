-- Statements that revoke the sessions of blocked e-mail domains. Lock order: domain_revocations, then emails, then
-- device_sessions.

-- name: begin_domain_revocations
-- Orders the sessions of the domains revoked, in the name of the actor. Locks: domain_revocations.
insert into domain_revocations (domain, actor_type, actor_id, ordered_at)
select unnest(:domains::text[]), :actor_type, :actor_id, (select clock_now())
on conflict (domain) do update
   set after_email_id = 0, actor_type = excluded.actor_type, actor_id = excluded.actor_id, ordered_at = excluded.ordered_at;

-- name: end_domain_revocations
-- Withdraws the orders of the domains. Waits for a batch that is under way. Locks: domain_revocations.
delete from domain_revocations where domain = any (:domains::text[]);

-- name: lock_domain_revocation
-- The oldest order that no other worker holds. Locks: domain_revocations.
select domain, after_email_id, actor_type, actor_id from domain_revocations
 order by ordered_at, domain limit 1
   for update skip locked;

-- name: lock_emails_of_domain
-- The next addresses of the domain after :after_email_id, at most :limit, in the order of their ids. Locks: emails.
select email_id from emails
 where split_part(folded, '@', 2) = :domain and email_id > :after_email_id
 order by email_id limit :limit
   for no key update;

-- name: bump_emails
-- Raises the versions, so that a login that was decided on before the block is decided again (SPEC §3.7).
update emails set version = version + 1 where email_id = any (:email_ids::bigint[]);

-- name: revoke_sessions_of_emails
-- Revokes active sessions of the addresses, at most :limit, in the name of the actor. Queues the gateway record of each, and
-- writes its audit row. Returns their number. Locks: device_sessions.
with revoked as (
    update device_sessions
       set status = 'revoked', revoked_at = (select clock_now()),
           revoke_reason_code = :reason_code, revoke_actor_type = :actor_type, revoke_actor_id = :actor_id
     where device_session_id = any (array(
         select device_session_id from users join device_sessions using (user_id)
          where users.email_id = any (:email_ids::bigint[]) and device_sessions.status = 'active'
          limit :limit))
       and status = 'active'
    returning device_session_id, user_id, revoked_at
), queued as (
    insert into projection_outbox (device_session_id, enqueued_at, available_at)
    select device_session_id, revoked_at, revoked_at from revoked
), audited as (
    insert into audit_events (occurred_at, event, outcome, caller, actor_type, actor_id, subject, reason_code, details)
    select revoked_at, 'security.revoke_session', 'revoked', 'system', :actor_type, :actor_id, device_session_id, :reason_code,
           jsonb_build_object('user_id', user_id)
      from revoked
)
select count(*) from revoked;

-- name: write_progress
-- Notes that the addresses of the domain up to :after_email_id are done. Locks: domain_revocations.
update domain_revocations set after_email_id = :after_email_id where domain = :domain;

-- name: count_sessions_to_revoke
-- For each domain with an order: the number of active sessions of the next addresses, of at most :limit addresses in all; and
-- whether more addresses may follow.
with next as materialized (
    select r.domain, e.email_id
      from domain_revocations r
     cross join lateral (
         select email_id from emails
          where split_part(folded, '@', 2) = r.domain and email_id > r.after_email_id
          order by email_id limit :limit
     ) e
     limit :limit
)
select r.domain, count(s.device_session_id) as sessions, (select count(*) >= :limit from next) as more_may_follow
  from domain_revocations r
  left join next on next.domain = r.domain
  left join users u on u.email_id = next.email_id
  left join device_sessions s on s.user_id = u.user_id and s.status = 'active'
 group by r.domain
 order by r.domain;
