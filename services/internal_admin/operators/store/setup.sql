-- Statements that claim the first owner. Lock order: owner_setup, operators.

-- name: lock_owner_setup
-- Locks the one row, so that claims and new setup codes follow each other. Locks: owner_setup.
select from owner_setup for update;

-- name: read_owner_setup
-- Whether there is an owner, and whether a registration token (by hash) is the one that lives.
select exists (select from operators where is_owner) as has_owner,
       coalesce(registration_token_hash = :registration_token_hash and clock_now() < registration_token_expires_at, false)
           as is_token_good,
       operator_password_min_length
  from owner_setup, settings;

-- name: issue_setup_code
-- Writes a setup code, which replaces every former code and token. Locks: owner_setup.
update owner_setup
   set setup_code_hash = :setup_code_hash, setup_code_expires_at = clock_now() + :life::interval,
       registration_token_hash = null, registration_token_expires_at = null
returning setup_code_expires_at;

-- name: exchange_setup_code
-- Replaces the setup code, if that lives, by a registration token. Locks: owner_setup.
update owner_setup
   set setup_code_hash = null, setup_code_expires_at = null,
       registration_token_hash = :registration_token_hash, registration_token_expires_at = clock_now() + :life::interval
 where setup_code_hash = :setup_code_hash and clock_now() < setup_code_expires_at
returning registration_token_expires_at;

-- name: end_owner_setup
-- Ends every setup code and registration token. Locks: owner_setup.
update owner_setup
   set setup_code_hash = null, setup_code_expires_at = null,
       registration_token_hash = null, registration_token_expires_at = null;

-- name: insert_owner
-- Makes the first owner. A second one fails at the constraint operators_one_owner.
insert into operators (operator_id, user_name, email, is_owner, password_hash, password_changed_at,
                       recovery_code_hashes, recovery_codes_made_at, created_at)
select :operator_id, :user_name, :email, true, :password_hash, now.instant, :recovery_code_hashes, now.instant, now.instant
  from (select clock_now() as instant) as now;
