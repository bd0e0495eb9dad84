-- The public role writes times, and Postgres takes some that no process can read: the year 290000, or infinity. A thief of the
-- role could write one into a session, and no block of its user, and no order about it, would work any more. Rows that stand
-- are not examined, so no table is read here. (With `between`, a dump that is restored would have other parentheses.)

alter table emails add constraint emails_times
    check (created_at >= '2000-01-01 00:00:00Z' and created_at <= '9999-01-01 00:00:00Z') not valid;
alter table users add constraint users_times
    check (created_at >= '2000-01-01 00:00:00Z' and created_at <= '9999-01-01 00:00:00Z') not valid;
alter table device_sessions add constraint device_sessions_times
    check (created_at >= '2000-01-01 00:00:00Z' and created_at <= '9999-01-01 00:00:00Z'
           and revoked_at >= '2000-01-01 00:00:00Z' and revoked_at <= '9999-01-01 00:00:00Z') not valid;
alter table login_codes add constraint login_codes_times
    check (created_at >= '2000-01-01 00:00:00Z' and created_at <= '9999-01-01 00:00:00Z'
           and expires_at >= '2000-01-01 00:00:00Z' and expires_at <= '9999-01-01 00:00:00Z'
           and ended_at >= '2000-01-01 00:00:00Z' and ended_at <= '9999-01-01 00:00:00Z') not valid;
alter table challenges add constraint challenges_times
    check (created_at >= '2000-01-01 00:00:00Z' and created_at <= '9999-01-01 00:00:00Z'
           and expires_at >= '2000-01-01 00:00:00Z' and expires_at <= '9999-01-01 00:00:00Z'
           and confirmed_at >= '2000-01-01 00:00:00Z' and confirmed_at <= '9999-01-01 00:00:00Z') not valid;
alter table mail_deliveries add constraint mail_deliveries_times
    check (queued_at >= '2000-01-01 00:00:00Z' and queued_at <= '9999-01-01 00:00:00Z'
           and next_attempt_at >= '2000-01-01 00:00:00Z' and next_attempt_at <= '9999-01-01 00:00:00Z'
           and finished_at >= '2000-01-01 00:00:00Z' and finished_at <= '9999-01-01 00:00:00Z') not valid;
alter table known_networks add constraint known_networks_times
    check (confirmed_at >= '2000-01-01 00:00:00Z' and confirmed_at <= '9999-01-01 00:00:00Z') not valid;
alter table projection_outbox add constraint projection_outbox_times
    check (enqueued_at >= '2000-01-01 00:00:00Z' and enqueued_at <= '9999-01-01 00:00:00Z'
           and available_at >= '2000-01-01 00:00:00Z' and available_at <= '9999-01-01 00:00:00Z') not valid;
alter table projection_conflicts add constraint projection_conflicts_times
    check (noted_at >= '2000-01-01 00:00:00Z' and noted_at <= '9999-01-01 00:00:00Z') not valid;
alter table letters add constraint letters_times
    check (queued_at >= '2000-01-01 00:00:00Z' and queued_at <= '9999-01-01 00:00:00Z'
           and next_attempt_at >= '2000-01-01 00:00:00Z' and next_attempt_at <= '9999-01-01 00:00:00Z'
           and expires_at >= '2000-01-01 00:00:00Z' and expires_at <= '9999-01-01 00:00:00Z'
           and finished_at >= '2000-01-01 00:00:00Z' and finished_at <= '9999-01-01 00:00:00Z') not valid;

-- The public role opens sessions now. One of next year would outlive its age, and every `revoke-others`.
create function session_opens_now() returns trigger
language plpgsql security definer set search_path from current as $$
begin
    if new.created_at not between owners_clock() - interval '1 minute' and owners_clock() + interval '1 minute' then
        raise exception 'the public role opens sessions now' using errcode = 'insufficient_privilege';
    end if;
    return new;
end $$;
revoke all on function session_opens_now from public;
-- The condition spares each login the call, where no test has moved the clock.
create trigger session_opens_now before insert on device_sessions for each row
    when (session_user = 'authsession_public'
          and new.created_at not between clock_timestamp() - interval '1 minute' and clock_timestamp() + interval '1 minute')
    execute function session_opens_now();
