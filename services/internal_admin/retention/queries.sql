-- Statements of retention and of sessions that age. Each removal takes at most a batch. It names its rows by an array, so
-- that every plan is two index scans, whatever the planner knows of the table. Each tells how many rows went, and by how
-- much the newest of them was past its time.

-- name: commit_lazily
-- This transaction's commit waits for no disk, and no other commit for its own: a crash brings rows back that go again.
set local synchronous_commit = off;

-- name: remove_challenges
-- The oldest challenges past their time, at most :limit, each with its delivery. Nobody else writes to them.
-- Locks: challenges.
with removed as (
    delete from challenges
     where challenge_id = any (array(
         select challenge_id from challenges
          where created_at < (select clock_now() - challenge_retention from settings)
          order by created_at limit :limit))
    returning (select clock_now() - challenge_retention from settings) - created_at as late)
select count(*) as rows, min(late) as newest_late from removed;

-- name: remove_login_codes
-- The oldest codes past their time, at most :limit. A challenge is made while its code lives, so it is past its time too:
-- a code that some still share waits until they went. Locks: login_codes.
with removed as (
    delete from login_codes
     where login_code_id = any (array(
         select login_code_id from login_codes
          where expires_at < (select clock_now() - challenge_retention from settings)
          order by expires_at limit :limit))
       and not exists (select from challenges where challenges.login_code_id = login_codes.login_code_id)
    returning (select clock_now() - challenge_retention from settings) - expires_at as late)
select count(*) as rows, min(late) as newest_late from removed;

-- name: remove_known_networks
-- Networks from which nobody confirmed for so long, at most :limit. A login may renew the row meanwhile: so its age is
-- looked at again. Locks: known_networks.
with removed as (
    delete from known_networks
     where ctid = any (array(
         select ctid from known_networks
          where confirmed_at < (select clock_now() - known_network_retention from settings)
          order by confirmed_at limit :limit))
       and confirmed_at < (select clock_now() - known_network_retention from settings)
    returning (select clock_now() - known_network_retention from settings) - confirmed_at as late)
select count(*) as rows, min(late) as newest_late from removed;

-- name: remove_revoked_sessions
-- The sessions that were revoked first, at most :limit, but for those whose record waits to be written.
-- Locks: device_sessions.
with removed as (
    delete from device_sessions
     where device_session_id = any (array(
         select device_session_id from device_sessions
          where status = 'revoked' and revoked_at < (select clock_now() - revoked_session_retention from settings)
          order by revoked_at limit :limit))
       and not exists (select from projection_outbox
                        where projection_outbox.device_session_id = device_sessions.device_session_id)
    returning (select clock_now() - revoked_session_retention from settings) - revoked_at as late)
select count(*) as rows, min(late) as newest_late from removed;

-- name: remove_expired_blocks
-- Blocks that ended so long ago, at most :limit; their ends do not change any more. Locks: blocks.
with removed as (
    delete from blocks
     where block_id = any (array(
         select block_id from blocks
          where expires_at < (select clock_now() - expired_block_retention from settings)
          order by expires_at limit :limit))
    returning (select clock_now() - expired_block_retention from settings) - expires_at as late)
select count(*) as rows, min(late) as newest_late from removed;

-- name: remove_operator_sessions
-- Sessions of operators whose absolute end is so long ago, at most :limit; nobody writes to them.
-- Locks: operator_sessions.
with removed as (
    delete from operator_sessions
     where operator_session_id = any (array(
         select operator_session_id from operator_sessions
          where expires_at < (select clock_now() - revoked_session_retention from settings)
          order by expires_at limit :limit))
    returning (select clock_now() - revoked_session_retention from settings) - expires_at as late)
select count(*) as rows, min(late) as newest_late from removed;

-- name: remove_api_tokens
-- The same for API tokens. Locks: api_tokens.
with removed as (
    delete from api_tokens
     where token_id = any (array(
         select token_id from api_tokens
          where expires_at < (select clock_now() - revoked_session_retention from settings)
          order by expires_at limit :limit))
    returning (select clock_now() - revoked_session_retention from settings) - expires_at as late)
select count(*) as rows, min(late) as newest_late from removed;

-- name: remove_idempotency_keys
-- Answers that nobody is given again, at most :limit: they are kept for 24 hours. A key may be used anew meanwhile: so its
-- age is looked at again. Locks: idempotency_keys.
with removed as (
    delete from idempotency_keys
     where ctid = any (array(
         select ctid from idempotency_keys
          where created_at < (select clock_now() - interval '24 hours')
          order by created_at limit :limit))
       and created_at < (select clock_now() - interval '24 hours')
    returning (select clock_now() - interval '24 hours') - created_at as late)
select count(*) as rows, min(late) as newest_late from removed;

-- name: page_emails
-- Ids of addresses from after :after_email_id, at most :limit.
select email_id from emails where email_id > :after_email_id order by email_id limit :limit;

-- name: lock_unused_emails
-- Those of these addresses of which nothing is left, at most :limit; skips what a send or a block holds. Locks: emails.
select email_id from emails
 where email_id = any (:email_ids::bigint[]) and email_is_unused(email_id)
   and created_at < (select clock_now() - challenge_retention from settings)
 order by email_id limit :limit
   for update skip locked;

-- name: remove_unused_emails
-- Those of the locked addresses of which nothing came back before the lock: this snapshot is younger. Locks: emails.
with removed as (delete from emails where email_id = any (:email_ids::bigint[]) and email_is_unused(email_id) returning 1)
select count(*) from removed;
