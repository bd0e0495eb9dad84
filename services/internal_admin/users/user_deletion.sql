-- Statements that erase a user. Lock order: emails, then device_sessions, challenges, login_codes, then the rest. They run
-- holding the e-mail's row. Another user may have the same address in other letters, in a user service or from before SPEC §2.3 made
-- them one person: theirs stays; what nobody ever confirmed goes too.

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
