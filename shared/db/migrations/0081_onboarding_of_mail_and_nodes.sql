-- Two further steps of the first run, which the owner may skip (SPEC §10.2).

alter table onboarding_steps
    add is_skipped boolean not null default false,
    drop constraint onboarding_steps_step_check,
    add constraint onboarding_steps_step_check
        check (step in ('recovery_codes_stored', 'settings_reviewed', 'mail_connection_verified', 'node_joined')),
    add check (not is_skipped or step in ('mail_connection_verified', 'node_joined'));

-- A first run that was complete stays complete.
insert into onboarding_steps (step, done_at, operator_id, is_skipped)
select further.step, done_at, operator_id, true
  from onboarding_steps cross join (values ('mail_connection_verified'), ('node_joined')) as further (step)
 where onboarding_steps.step = 'settings_reviewed';
