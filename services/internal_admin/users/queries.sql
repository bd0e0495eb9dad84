-- Lock order everywhere: emails, then device_sessions, challenges, login_codes, then the rest.
-- Statements that erase a user run holding the address' `emails` row. Another user may have the same address in other letters,
-- in a user service or from before SPEC §2.3 made them one person: the rows of that user stay. Rows that nobody ever confirmed
-- are removed too.
-- Statements that give a user another address hold the `emails` rows of both, in the order of their ids.

-- name: read_user
-- The user of a case-folded address; the oldest, if users from before SPEC §2.3 share one. With :email the user of exactly
-- that spelling, because a user service may tell spellings apart.
select users.* from users join emails using (email_id)
 where emails.folded = :folded and users.email = coalesce(:email, users.email)
 order by users.created_at, users.user_id limit 1;

-- name: list_users
-- Users by their ids, from the last (of ours the newest) on; after the id :after_user_id, at most :limit.
select * from users where user_id < :after_user_id order by user_id desc limit :limit;

-- name: list_first_users
-- Users by their ids, from the last on, at most :limit.
select * from users order by user_id desc limit :limit;

-- name: has_user
-- Whether there is a user of this id.
select exists (select from users where user_id = :user_id);

-- name: read_address_of_user
-- The spelling of the user's address, read under the lock of its row.
select email from users where user_id = :user_id and email_id = :email_id;

-- name: remove_challenges
-- Removes at most :limit challenges of the address :email of the row, each with its delivery. Locks: challenges, then
-- mail_deliveries. A courier that settles a delivery locks them the other way round; then one of both begins again.
delete from challenges
 where challenge_id = any (array(
     select challenge_id from challenges c
      where email_id = :email_id and (email = :email or not exists (select from users u where u.email = c.email))
      limit :limit));

-- name: remove_login_codes
-- Removes at most :limit codes of that address. A code that a challenge of the other user shares stays. Locks: login_codes.
delete from login_codes
 where login_code_id = any (array(
     select login_code_id from login_codes l
      where email_id = :email_id and (email = :email or not exists (select from users u where u.email = l.email))
        and not exists (select from challenges c where c.login_code_id = l.login_code_id)
      limit :limit));

-- name: remove_orders
-- Removes at most :limit orders of self-service of the user's sessions, or of their notices. Locks: session_orders.
delete from session_orders
 where order_id = any (array(
     select order_id from session_orders
      where device_session_id in (select device_session_id from device_sessions where user_id = :user_id)
     union all
     select order_id from session_orders
      where token_hash in (select token_hash from session_notices join device_sessions using (device_session_id)
                            where user_id = :user_id)
     limit :limit));

-- name: remove_notices
-- Removes at most :limit notices of the user's sessions. Their orders are gone before. Locks: session_notices.
delete from session_notices
 where notice_id = any (array(
     select notice_id from session_notices join device_sessions using (device_session_id)
      where user_id = :user_id
      limit :limit));

-- name: remove_letters
-- Removes at most :limit letters without a code to that address. Locks: letters. A courier holds no lock while it carries
-- one.
delete from letters
 where letter_id = any (array(
     select letter_id from letters l
      where email_id = :email_id and (email = :email or not exists (select from users u where u.email = l.email))
      limit :limit));

-- name: remove_user
-- Removes the user. Locks: users.
delete from users where user_id = :user_id;

-- name: remove_known_networks
-- Removes the known networks of the row, unless it has a user left. Locks: known_networks.
delete from known_networks where email_id = :email_id and not exists (select from users where email_id = :email_id);

-- name: remove_invitations
-- Removes the invitations of the rows, and their letters that wait. Locks: invitations, letters.
with removed as (
    delete from invitations where email_id = any (:email_ids::bigint[])
)
delete from letters where email_id = any (:email_ids::bigint[]) and kind = 'invitation' and state = 'queued';

-- name: remove_kept_answers
-- Removes answers kept for repeats that name the address, as answers about blocks do. Locks: idempotency_keys.
delete from idempotency_keys where position(convert_to('"subject_value":"' || lower(:email) || '"', 'UTF8') in body) > 0;

-- name: remove_email
-- Removes the row of the address, if nothing refers to it. Locks: emails.
delete from emails where email_id = :email_id and email_is_unused(email_id);

-- name: has_block
-- Whether the address of the row is blocked.
select exists (select from blocks where email_id = :email_id);

-- name: read_addresses
-- The row of the user's address, and the row of the case-folded address :folded. Null: there is no such row.
select (select email_id from users where user_id = :user_id) as old, (select email_id from emails where folded = :folded) as new;

-- name: lock_emails
-- Locks the rows, by their ids. Their versions rise with bump_emails. Locks: emails.
select email_id from emails where email_id = any (:email_ids::bigint[]) order by email_id for update;

-- name: bump_emails
-- Raises the versions, so that a login that was decided on before is decided again (SPEC §3.7). Run it holding the locks.
update emails set version = version + 1 where email_id = any (:email_ids::bigint[]);

-- name: is_in_use
-- Whether another user than :user_id has the row. If the user comes to the row (:is_another_row), any other user counts. If
-- only the spelling changes to :email, an older user counts, or one who has that spelling.
select exists (
    select from users other cross join users mine
     where mine.user_id = :user_id and other.email_id = :email_id and other.user_id <> :user_id
       and (:is_another_row or other.email = :email or (other.created_at, other.user_id) < (mine.created_at, mine.user_id)));

-- name: is_blocked
-- Whether one of the rows is blocked, or the domain of the address. The settings cannot change until the transaction ends,
-- so a later block of the domain finds the user at the new address. Locks: settings.
select exists (select from blocks b
                where b.email_id = any (:email_ids::bigint[]) and (b.expires_at is null or b.expires_at > clock_now()))
       or is_email_domain_refused(:email, blocked_email_domains, allowed_email_domains)
  from settings for share;

-- name: move_user
-- Gives the user the row, in the spelling :email. Codes mailed to the row that they leave end, so that they make no other
-- user. Locks: users, login_codes.
select move_user(:user_id, :email_id, :email);
