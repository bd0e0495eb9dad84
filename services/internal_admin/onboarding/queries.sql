-- Statements of the first run.

-- name: read_onboarding
-- When each step was done; and whether $1 is the owner.
select (select created_at from operators where is_owner) as owner_claimed_at,
       (select done_at from onboarding_steps where step = 'recovery_codes_stored') as recovery_codes_stored_at,
       (select done_at from onboarding_steps where step = 'settings_reviewed') as settings_reviewed_at,
       exists (select from operators where is_owner and operator_id = $1) as is_owner;

-- name: lock_owner
-- Steps are done one after the other. Locks: operators.
select operator_id from operators where is_owner for no key update;

-- name: write_step
-- The step $1 was done by $2.
insert into onboarding_steps (step, done_at, operator_id) values ($1, clock_now(), $2);
