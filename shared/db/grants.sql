-- Least privilege of the two login roles (SPEC §1.2). Applied after every migration; a repeat does no harm.
-- Roles belong to the whole cluster and may exist already. `authsession up` or the owner gives them LOGIN and a
-- password.

do $$
declare role_name text;
begin
    -- Postgres lets everybody execute a new function, also one from a restore without privileges.
    execute format('revoke all on all functions in schema %I from public', current_schema);
    foreach role_name in array array['authsession_public', 'authsession_internal'] loop
        if not exists (select from pg_roles where rolname = role_name) then
            begin
                execute format('create role %I nologin', role_name);
            exception when duplicate_object or unique_violation then null;  -- another migration won the race
            end;
        end if;
        execute format('revoke all on all tables in schema %I from %I', current_schema, role_name);
        execute format('revoke all on all functions in schema %I from %I', current_schema, role_name);
        execute format('grant usage on schema %I to %I', current_schema, role_name);
    end loop;
end $$;

-- The public service sends, confirms, mails and publishes. It locks the e-mail's row, never session rows.
grant execute on function clock_now to authsession_public, authsession_internal;
grant execute on function revoke_oldest_sessions to authsession_public;
grant select on schema_migrations to authsession_public, authsession_internal;
grant select on settings, users, blocks, device_sessions to authsession_public;
grant select, insert on emails, login_codes, challenges, mail_deliveries, known_networks, projection_outbox
    to authsession_public;
-- Rights to update name columns, because the right to update a whole table is also the right to lock it.
grant update (version) on emails to authsession_public;
grant update (ended_at, sealed_code, seal_key_id) on login_codes to authsession_public;
grant update (state, attempts, evaluated, confirmed_at) on challenges to authsession_public;
grant update (state, reason, attempts, next_attempt_at, finished_at) on mail_deliveries to authsession_public;
grant update (confirmed_at) on known_networks to authsession_public;
grant update (available_at) on projection_outbox to authsession_public;
grant delete on projection_outbox to authsession_public;
grant insert on users, device_sessions to authsession_public;

-- Trusted operations. The internal service touches codes and challenges only to show the development mailbox and to
-- remove old rows.
grant select, update on settings to authsession_internal;
grant select, insert on settings_changes to authsession_internal;
grant select, insert, update on emails, device_sessions to authsession_internal;
grant select on users, login_codes, mail_deliveries, challenges to authsession_internal;
grant select, insert, update, delete on blocks, projection_outbox to authsession_internal;

-- The gateway projection. The process that keeps it, by a lease, begins epochs and notes conflicts. A public process
-- keeps it only while no internal process does. Only the internal process resolves conflicts.
grant select on projection_keeper to authsession_public, authsession_internal;
grant update (epoch, state, beat, run_id, timeline, session_max_age, postgres_started_at, rebuild_requested)
    on projection_keeper to authsession_public, authsession_internal;
grant execute on function take_lease, give_back_lease, comes_before_the_keeper to authsession_public, authsession_internal;
grant insert on projection_conflicts to authsession_public, authsession_internal;
grant select, delete on projection_conflicts to authsession_internal;
grant select, update on projection_guard to authsession_internal;

-- Only the internal process gives orders to the user service.
grant select, insert, update, delete on user_block_orders to authsession_internal;

-- Retention (SPEC §5.4): only the internal process removes rows. A foreign key removes deliveries with a challenge.
grant delete on challenges, login_codes, known_networks, device_sessions, emails to authsession_internal;
grant select on known_networks to authsession_internal;
grant execute on function email_is_unused to authsession_internal;

-- Only the internal process uses operators and API tokens (SPEC §1.2). The public role cannot see them.
grant select, insert, update on operators, operator_sessions, api_tokens to authsession_internal;

-- Blocked e-mail domains: statements of both services ask the function. Only the internal process revokes sessions of a
-- newly blocked domain.
grant execute on function is_email_domain_refused to authsession_public, authsession_internal;
grant select, insert, update, delete on domain_revocations to authsession_internal;
grant select, insert on onboarding_steps to authsession_internal;
-- The command line makes setup codes, as the schema's owner. The internal process exchanges and uses them.
grant select, update on owner_setup to authsession_internal;

-- The audit trail: both services append rows, and only the sequence gives ids. The internal service seals them. It
-- removes the beginning of the chain by one function. Otherwise nobody can change or remove a row or a seal.
grant insert (occurred_at, event, outcome, caller, actor_type, actor_id, network, request_id, subject, reason_code, details)
    on audit_events to authsession_public, authsession_internal;
grant select on audit_events, audit_checkpoint to authsession_internal;
grant select, insert on audit_seal to authsession_internal;
grant select, update on audit_sealer to authsession_internal;
grant execute on function remove_audit_prefix to authsession_internal;

-- Retention of the control plane.
grant delete on operator_sessions, api_tokens to authsession_internal;
grant select, insert, update, delete on idempotency_keys to authsession_internal;
grant delete on users to authsession_internal;
-- A change of a user's address.
grant execute on function move_user to authsession_internal;

-- The internal process may end sessions of the public role that block it.
grant execute on function end_public_blockers to authsession_internal;

-- That function runs with the rights of its owner, who needs the rights of the public role for it. A superuser has
-- them.
do $$ begin
    if not pg_has_role(current_user, 'authsession_public', 'usage') then
        execute format('grant authsession_public to %I', current_user);
        if not pg_has_role(current_user, 'authsession_public', 'usage') then  -- Postgres 16: membership alone inherits nothing
            execute format('grant authsession_public to %I with inherit true', current_user);
        end if;
    end if;
exception when insufficient_privilege then null;  -- `doctor` reports it
end $$;

-- Nodes and published configuration: only the internal process. The public role cannot see them.
grant select, insert on node_pools to authsession_internal;
grant select, insert, delete on node_join_tokens to authsession_internal;
grant update (uses_left, revoked_at) on node_join_tokens to authsession_internal;
grant select, insert on nodes to authsession_internal;
grant update (status, software, approved_at, revoked_at, revoke_reason_code, revoke_actor_type, revoke_actor_id)
    on nodes to authsession_internal;
grant select, insert on node_keys to authsession_internal;
grant update (valid_until) on node_keys to authsession_internal;
grant select, insert, update on node_states to authsession_internal;
grant select, insert, delete on node_redis_users to authsession_internal;
grant update (password_hash, changed_at) on node_redis_users to authsession_internal;
grant select, insert on subjects, subject_versions, subject_activations to authsession_internal;
grant update (pools, draft, revision, field_revisions, published_revision, last_version, active_version, paused_at, archived_at, updated_at)
    on subjects to authsession_internal;
grant delete on subject_versions, subject_activations to authsession_internal;  -- by age, never while active
grant update (created_at) on node_pools to authsession_internal;  -- the right to lock a pool's row
grant select, insert, delete on config_manifests, config_documents to authsession_internal;
grant select, insert, update on config_heads to authsession_internal;
-- Secrets and connections: only the internal process. The public role cannot see them.
grant select, insert on secrets to authsession_internal;
grant update (usage, current_version, last_version, updated_at, deleted_at) on secrets to authsession_internal;
grant select, insert on secret_versions to authsession_internal;
grant update (state, key_id, wrapped_key, ciphertext) on secret_versions to authsession_internal;
grant select, insert, delete on secret_grants to authsession_internal;
grant select, insert on secret_opens to authsession_internal;
grant update (opened_at, opened_by) on secret_opens to authsession_internal;
grant select, insert on subject_version_secrets to authsession_internal;
grant select, insert, delete on config_secrets to authsession_internal;
grant select, insert, delete on connections, connection_revisions, connection_defaults, connection_states, connection_health
    to authsession_internal;
grant update (kind, last_revision, accepted_revision, candidate_revision, candidate_until, updated_at) on connections
    to authsession_internal;
grant update (result, checked_at, duration_ms, account, detail, is_unverified, accepted_at) on connection_revisions
    to authsession_internal;
grant update (connection_id, changed_by, changed_at) on connection_defaults to authsession_internal;
grant update (status, since, failures, successes, next_probe_at, revision, is_slow, probing_until) on connection_states
    to authsession_internal;
-- The courier reads the default mail connection by this function alone.
grant select, update on mail_connection to authsession_internal;
grant execute on function read_mail_connection to authsession_public;
grant select, insert on session_last_seen to authsession_internal;
grant update (day) on session_last_seen to authsession_internal;

-- Self-service: the public process files orders and reads what became of them; the internal process carries them out.
-- `received_at` and the outcome are no columns of the public role.
grant insert (device_session_id, request_id, message_type, timestamp_ms, body, signature, token_hash, everything, network,
              http_request_id)
    on session_orders to authsession_public;
grant select (order_id, device_session_id, request_id, message_type, timestamp_ms, signature, outcome, session_count,
              decided_at, published_at)
    on session_orders to authsession_public;
grant select, delete on session_orders to authsession_internal;
grant update (outcome, session_count, decided_at, published_at) on session_orders to authsession_internal;
grant select on session_last_seen to authsession_public;

-- Letters without a code. The public process queues notices and sends all; the internal process queues invitations.
grant insert (notice_id, device_session_id, token_hash, created_at) on session_notices to authsession_public;
grant execute on function notice_stands to authsession_public;
grant select, delete on session_notices to authsession_internal;
grant update (used_at) on session_notices to authsession_internal;
grant select, insert on letters to authsession_public;
grant update (state, reason, attempts, next_attempt_at, finished_at, seal_key_id, sealed_token, is_kept)
    on letters to authsession_public;
grant select, insert, delete on letters to authsession_internal;
grant select (email_id, expires_at) on invitations to authsession_public;
grant execute on function may_sign_up, is_invited to authsession_public;
grant select, insert, delete on invitations to authsession_internal;
grant update (email, created_by, created_at, expires_at) on invitations to authsession_internal;

-- Unused sessions: the internal process notes when nodes tell of last uses.
grant select, insert on last_use_reports to authsession_internal;
grant update (since, told_at) on last_use_reports to authsession_internal;
grant execute on function last_uses_told_since to authsession_internal;
