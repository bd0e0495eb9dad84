-- Statements of the first run.

-- name: read_onboarding
-- When each step was done or skipped.
select 'owner_claimed' as step, created_at as done_at, false as is_skipped from operators where is_owner
 union all
select step, done_at, is_skipped from onboarding_steps;

-- name: read_conditions
-- Whether the accepted revision of the default mail connection was verified, and whether a node has joined.
select exists (
           select from connection_defaults
             join connections using (connection_id)
             join connection_revisions on connection_revisions.connection_id = connections.connection_id
                                      and revision = accepted_revision
            where connection_key = 'mail' and not is_unverified) as has_verified_mail,
       exists (select from nodes where status = 'active') as has_node;

-- name: lock_owner
-- Locks the owner's row, so that steps follow each other; returns the owner's id. Locks: operators.
select operator_id from operators where is_owner for no key update;

-- name: write_step
-- Notes that the operator did or skipped the step.
insert into onboarding_steps (step, done_at, operator_id, is_skipped)
values (:step, clock_now(), :operator_id, :is_skipped);
