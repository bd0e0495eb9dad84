-- Statements of the first run.

-- name: read_onboarding
-- When each step was done, and whether :operator_id is the owner.
select (select created_at from operators where is_owner) as owner_claimed_at,
       (select done_at from onboarding_steps where step = 'recovery_codes_stored') as recovery_codes_stored_at,
       (select done_at from onboarding_steps where step = 'settings_reviewed') as settings_reviewed_at,
       exists (select from operators where is_owner and operator_id = :operator_id) as is_owner;

-- name: lock_owner
-- Locks the owner's row, so that steps follow each other. Locks: operators.
select operator_id from operators where is_owner for no key update;

-- name: write_step
-- Notes that the operator did the step.
insert into onboarding_steps (step, done_at, operator_id) values (:step, clock_now(), :operator_id);
