-- Lock order everywhere: emails, then device_sessions, challenges, login_codes, then the rest.
-- Statements that erase a user run holding the address' `emails` row. Another user may have the same address in other letters,
-- in a user service or from before SPEC §2.3 made them one person: the rows of that user stay. Rows that nobody ever confirmed
-- go too.
-- Statements that give a user another address hold the `emails` rows of both, in the order of their ids.

-- name: read_user
-- The user of a case-folded address. Users from before SPEC §2.3 may share one: then the oldest. Where :email is given, the
-- user of exactly that spelling: a user service may tell spellings apart.
select users.* from users join emails using (email_id)
 where emails.folded = :folded and users.email = coalesce(:email, users.email)
 order by users.created_at, users.user_id limit 1;

-- name: list_users
-- Users by their ids, the newest first where they are ours; from after the id :after_user_id, at most :limit.
select * from users where user_id < :after_user_id order by user_id desc limit :limit;

-- name: list_first_users
-- The same from the beginning, at most :limit.
select * from users order by user_id desc limit :limit;

-- name: has_user
-- Whether there is a user of this id.
select exists (select from users where user_id = :user_id);

-- name: read_address_of_user
-- The address of the user, as it is under the lock of its row.
select email from users where user_id = :user_id and email_id = :email_id;

-- name: remove_challenges
-- At most :limit challenges of the address :email of the row, each with its delivery. Locks: challenges, then
-- mail_deliveries: a courier that settles one takes them the other way round, and one of both begins again.
delete from challenges
 where challenge_id = any (array(
     select challenge_id from challenges c
      where email_id = :email_id and (email = :email or not exists (select from users u where u.email = c.email))
      limit :limit));

-- name: remove_login_codes
-- At most :limit codes of that address, but for one that a challenge of the other user shares. Locks: login_codes.
delete from login_codes
 where login_code_id = any (array(
     select login_code_id from login_codes l
      where email_id = :email_id and (email = :email or not exists (select from users u where u.email = l.email))
        and not exists (select from challenges c where c.login_code_id = l.login_code_id)
      limit :limit));

-- name: remove_user
-- The user. Locks: users.
delete from users where user_id = :user_id;

-- name: remove_known_networks
-- Networks that the last user of the row was known from. Locks: known_networks.
delete from known_networks where email_id = :email_id and not exists (select from users where email_id = :email_id);

-- name: remove_kept_answers
-- Answers kept for repeats that name the address as blocks do. Locks: idempotency_keys.
delete from idempotency_keys where position(convert_to('"subject_value":"' || lower(:email) || '"', 'UTF8') in body) > 0;

-- name: remove_email
-- The row of the address, if nothing is left of it. Locks: emails.
delete from emails where email_id = :email_id and email_is_unused(email_id);

-- name: has_block
-- Whether the address of the row is blocked.
select exists (select from blocks where email_id = :email_id);

-- name: read_addresses
-- The row of the user's address, and that of the case-folded address :folded; null: there is none.
select (select email_id from users where user_id = :user_id) as old, (select email_id from emails where folded = :folded) as new;

-- name: lock_emails
-- Both rows; their versions rise with the next statement. Locks: emails.
select email_id from emails where email_id = any (:email_ids::bigint[]) order by email_id for update;

-- name: bump_emails
-- A login that was decided on before is decided again (SPEC §3.7).
update emails set version = version + 1 where email_id = any (:email_ids::bigint[]);

-- name: is_in_use
-- Whether the row is another user's than :user_id: when the user comes to it (:is_another_row), anybody's; when only the
-- spelling changes to :email, an older user's, or that of one who has it.
select exists (
    select from users other cross join users mine
     where mine.user_id = :user_id and other.email_id = :email_id and other.user_id <> :user_id
       and (:is_another_row or other.email = :email or (other.created_at, other.user_id) < (mine.created_at, mine.user_id)));

-- name: is_blocked
-- Whether one of the rows is blocked, or the domain of the address. The settings stay as they are until the transaction
-- ends: a domain that is blocked after it finds the user at the address. Locks: settings.
select exists (select from blocks b
                where b.email_id = any (:email_ids::bigint[]) and (b.expires_at is null or b.expires_at > clock_now()))
       or is_email_domain_refused(:email, blocked_email_domains, allowed_email_domains)
  from settings for share;

-- name: move_user
-- The user's address is the row, in the spelling :email; codes mailed to the row they leave end, so they make no other
-- user. Locks: users, login_codes.
select move_user(:user_id, :email_id, :email);
