-- Statements of retention. Each removal takes at most a batch. It names its rows by an array, so that every plan is two
-- index scans, whatever the planner knows of the table. It returns how many rows it removed, and how late the newest of
-- them was removed.

-- name: commit_lazily
-- The commit of this transaction does not wait for the disk, and no other commit waits for it. After a crash rows may come
-- back; they are removed again.
set local synchronous_commit = off;

-- name: remove_challenges
-- Removes the oldest challenges past their time, at most :limit, each with its delivery. No other statement writes to them.
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
-- Removes the oldest codes past their time, at most :limit. A code that a challenge still shares waits until the challenge
-- is removed; that one is past its time too, because it was made while the code lived. Locks: login_codes.
with removed as (
    delete from login_codes
     where login_code_id = any (array(
         select login_code_id from login_codes
          where expires_at < (select clock_now() - challenge_retention from settings)
          order by expires_at limit :limit))
       and not exists (select from challenges where challenges.login_code_id = login_codes.login_code_id)
    returning (select clock_now() - challenge_retention from settings) - expires_at as late)
select count(*) as rows, min(late) as newest_late from removed;

-- name: remove_letters
-- Removes the oldest letters without a code past the time of challenges, at most :limit. One that waits stays
-- until its end. Locks: letters.
with removed as (
    delete from letters
     where letter_id = any (array(
         select letter_id from letters
          where queued_at < (select clock_now() - challenge_retention from settings)
            and (state <> 'queued' or expires_at < clock_now())
          order by queued_at limit :limit))
    returning (select clock_now() - challenge_retention from settings) - queued_at as late)
select count(*) as rows, min(late) as newest_late from removed;

-- name: remove_session_notices
-- Removes rights of notices that are over, at most :limit: they hold for 30 days. Locks: session_notices.
with removed as (
    delete from session_notices
     where notice_id = any (array(
         select notice_id from session_notices
          where created_at < clock_now() - interval '30 days'
          order by created_at limit :limit))
    returning clock_now() - interval '30 days' - created_at as late)
select count(*) as rows, min(late) as newest_late from removed;

-- name: remove_known_networks
-- Removes networks without a confirm for the time of the setting, at most :limit. A login may renew a row meanwhile, so the
-- age is checked again. Locks: known_networks.
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
-- Removes the sessions that were revoked first, at most :limit. A session whose record waits to be written stays.
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
-- Removes blocks that ended longer ago than the setting says, at most :limit. Their ends do not change any more.
-- Locks: blocks.
with removed as (
    delete from blocks
     where block_id = any (array(
         select block_id from blocks
          where expires_at < (select clock_now() - expired_block_retention from settings)
          order by expires_at limit :limit))
    returning (select clock_now() - expired_block_retention from settings) - expires_at as late)
select count(*) as rows, min(late) as newest_late from removed;

-- name: remove_operator_sessions
-- Removes sessions of operators whose absolute end is longer ago than the setting says, at most :limit. No other statement
-- writes to them. Locks: operator_sessions.
with removed as (
    delete from operator_sessions
     where operator_session_id = any (array(
         select operator_session_id from operator_sessions
          where expires_at < (select clock_now() - revoked_session_retention from settings)
          order by expires_at limit :limit))
    returning (select clock_now() - revoked_session_retention from settings) - expires_at as late)
select count(*) as rows, min(late) as newest_late from removed;

-- name: remove_api_tokens
-- Removes API tokens whose end is longer ago than the setting says, at most :limit. Locks: api_tokens.
with removed as (
    delete from api_tokens
     where token_id = any (array(
         select token_id from api_tokens
          where expires_at < (select clock_now() - revoked_session_retention from settings)
          order by expires_at limit :limit))
    returning (select clock_now() - revoked_session_retention from settings) - expires_at as late)
select count(*) as rows, min(late) as newest_late from removed;

-- name: remove_idempotency_keys
-- Removes answers that are not given again, at most :limit: they are kept for 24 hours. A key may be used anew meanwhile,
-- so the age is checked again. Locks: idempotency_keys.
with removed as (
    delete from idempotency_keys
     where ctid = any (array(
         select ctid from idempotency_keys
          where created_at < (select clock_now() - interval '24 hours')
          order by created_at limit :limit))
       and created_at < (select clock_now() - interval '24 hours')
    returning (select clock_now() - interval '24 hours') - created_at as late)
select count(*) as rows, min(late) as newest_late from removed;

-- name: remove_published_versions
-- Removes versions that were published, and last active, longer ago than the setting says, at most :limit. The newest
-- version stays, and so do active ones and those whose documents are served. A subject that is being changed is skipped.
-- Locks: subjects, then subject_versions.
with removed as (
    delete from subject_versions
     where ctid = any (array(
         select old.ctid
           from subject_versions as old join subjects using (subject_id)
          where old.created_at < (select clock_now() - published_version_retention from settings)
            and old.version < last_version and old.version is distinct from active_version
            and not exists (select from config_documents
                             where config_documents.subject_id = old.subject_id and config_documents.version = old.version)
            and not exists (select from subject_activations as late
                             where late.subject_id = old.subject_id
                               and old.version in (late.version, late.previous_version)
                               and activated_at >= (select clock_now() - published_version_retention from settings))
          order by old.created_at limit :limit
            for no key update of subjects skip locked))
    returning (select clock_now() - published_version_retention from settings) - created_at as late)
select count(*) as rows, min(late) as newest_late from removed;

-- name: remove_activations
-- Removes entries of the history that are older than the setting says, at most :limit. Locks: subject_activations.
with removed as (
    delete from subject_activations
     where activation_id = any (array(
         select activation_id from subject_activations
          where activated_at < (select clock_now() - published_version_retention from settings)
          order by activated_at limit :limit))
    returning (select clock_now() - published_version_retention from settings) - activated_at as late)
select count(*) as rows, min(late) as newest_late from removed;

-- name: remove_join_tokens
-- Removes join tokens 7 days past their end, at most :limit. Until then a node may repeat its join. Locks: node_join_tokens.
with removed as (
    delete from node_join_tokens
     where join_token_id = any (array(
         select join_token_id from node_join_tokens
          where expires_at < clock_now() - interval '7 days'
          order by expires_at limit :limit))
    returning clock_now() - interval '7 days' - expires_at as late)
select count(*) as rows, min(late) as newest_late from removed;

-- name: remove_session_orders
-- Removes orders of self-service a day after they came, at most :limit. An order that waits for its outcome stays.
-- Locks: session_orders.
with removed as (
    delete from session_orders
     where order_id = any (array(
         select order_id from session_orders
          where received_at < clock_now() - interval '1 day' and outcome is not null
          order by received_at limit :limit
            for update skip locked))
    returning clock_now() - interval '1 day' - received_at as late)
select count(*) as rows, min(late) as newest_late from removed;

-- name: remove_invitations
-- Removes invitations 7 days past their end, at most :limit. One may be renewed meanwhile, so the end is checked again.
-- Locks: invitations.
with removed as (
    delete from invitations
     where invitation_id = any (array(
         select invitation_id from invitations
          where expires_at < clock_now() - interval '7 days'
          order by expires_at limit :limit))
       and expires_at < clock_now() - interval '7 days'
    returning clock_now() - interval '7 days' - expires_at as late)
select count(*) as rows, min(late) as newest_late from removed;

-- name: page_emails
-- Ids of addresses after :after_email_id, at most :limit.
select email_id from emails where email_id > :after_email_id order by email_id limit :limit;

-- name: lock_unused_emails
-- Locks the addresses among :email_ids that nothing refers to any more, at most :limit. Skips rows that a send or a block
-- holds. Locks: emails.
select email_id from emails
 where email_id = any (:email_ids::bigint[]) and email_is_unused(email_id)
   and created_at < (select clock_now() - challenge_retention from settings)
 order by email_id limit :limit
   for update skip locked;

-- name: remove_unused_emails
-- Removes the locked addresses that nothing refers to. This snapshot is younger than the lock, so it sees every use that
-- came before the lock. Locks: emails.
with removed as (delete from emails where email_id = any (:email_ids::bigint[]) and email_is_unused(email_id) returning 1)
select count(*) from removed;
