-- Lock order everywhere: emails, then device_sessions, then the rest.
-- Statements that erase a user. Lock order: emails, then device_sessions, challenges, login_codes, then the rest. They run
-- holding the e-mail's row. Another user may have the same address in other letters, in a user service or from before SPEC §2.3 made
-- them one person: theirs stays; what nobody ever confirmed goes too.
-- Statements that give a user another address. Lock order: emails (both rows, by their ids), then the rest.

-- name: read_user
-- Whose the case-folded address $1 is: of several users from before SPEC §2.3 said so, the oldest. Where the spelling $2 is
-- given, the user of exactly that one: a user service may tell spellings apart.
select users.* from users join emails using (email_id)
 where emails.folded = $1 and users.email = coalesce($2, users.email)
 order by users.created_at, users.user_id limit 1;

-- name: list_users
-- Users by their ids, the newest first where they are ours; from after the id $1, at most $2.
select * from users where user_id < $1 order by user_id desc limit $2;

-- name: list_first_users
-- The same from the beginning, at most $1.
select * from users order by user_id desc limit $1;

-- name: has_user
-- Whether there is a user of this id.
select exists (select from users where user_id = $1);

-- name: read_address_of_user
-- The address of the user $1, as it is under the lock of its row $2.
select email from users where user_id = $1 and email_id = $2;

-- name: remove_challenges
-- At most $3 challenges of the address $2 of the row $1, each with its delivery. Locks: challenges, then mail_deliveries: a courier
-- that settles one takes them the other way round, and one of both begins again.
delete from challenges
 where challenge_id = any (array(
     select challenge_id from challenges c
      where email_id = $1 and (email = $2 or not exists (select from users u where u.email = c.email))
      limit $3));

-- name: remove_login_codes
-- At most $3 of its codes, but for one that a challenge of the other user shares. Locks: login_codes.
delete from login_codes
 where login_code_id = any (array(
     select login_code_id from login_codes l
      where email_id = $1 and (email = $2 or not exists (select from users u where u.email = l.email))
        and not exists (select from challenges c where c.login_code_id = l.login_code_id)
      limit $3));

-- name: remove_user
-- The user. Locks: users.
delete from users where user_id = $1;

-- name: remove_known_networks
-- Networks that the last user of the row $1 was known from. Locks: known_networks.
delete from known_networks where email_id = $1 and not exists (select from users where email_id = $1);

-- name: remove_kept_answers
-- Answers kept for repeats that name the address $1 as blocks do. Locks: idempotency_keys.
delete from idempotency_keys where position(convert_to('"subject_value":"' || lower($1) || '"', 'UTF8') in body) > 0;

-- name: remove_email
-- The row $1 of the address, if nothing is left of it. Locks: emails.
delete from emails where email_id = $1 and email_is_unused(email_id);

-- name: has_block
-- Whether the address of the row $1 is blocked.
select exists (select from blocks where email_id = $1);

-- name: read_addresses
-- The row of the user $1's address, and that of the case-folded address $2; null: there is none.
select (select email_id from users where user_id = $1) as old, (select email_id from emails where folded = $2) as new;

-- name: lock_emails
-- Both rows; their versions rise with the next statement. Locks: emails.
select email_id from emails where email_id = any ($1::bigint[]) order by email_id for update;

-- name: bump_emails
-- A login that was decided on before is decided again (SPEC §3.7).
update emails set version = version + 1 where email_id = any ($1::bigint[]);

-- name: is_in_use
-- Whether the row $1 is another user's than $2: when the user comes ($4), anybody's; when only the spelling $3 changes, an older
-- user's, or that of one who has it.
select exists (
    select from users other cross join users mine
     where mine.user_id = $2 and other.email_id = $1 and other.user_id <> $2
       and ($4 or other.email = $3 or (other.created_at, other.user_id) < (mine.created_at, mine.user_id)));

-- name: is_blocked
-- Whether one of the rows $1 is blocked, or the domain of the address $2. The settings stay as they are until the transaction ends: a
-- domain that is blocked after it finds the user at the address. Locks: settings.
select exists (select from blocks b
                where b.email_id = any ($1::bigint[]) and (b.expires_at is null or b.expires_at > clock_now()))
       or is_email_domain_refused($2, blocked_email_domains, allowed_email_domains)
  from settings for share;

-- name: move_user
-- The user's address is the row $2, in the spelling $3; codes mailed to the row they leave end, so they make no other user. Locks:
-- users, login_codes.
select move_user($1, $2, $3);
