-- Statements that give a user another address. Lock order: emails (both rows, by their ids), then the rest.

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
