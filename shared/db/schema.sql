-- The schema after all migrations. Written by `python -m tests.support.schema_dump`; a test keeps it true.

CREATE SCHEMA authsession;

CREATE FUNCTION authsession.agent_session_is_not_public() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    raise exception 'only the internal process opens sessions of agents'
        using errcode = 'insufficient_privilege';
end $$;

CREATE FUNCTION authsession.audited_by_public() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    new.caller := 'public';
    return new;
end $$;

CREATE FUNCTION authsession.challenge_transition() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    if (old.state, new.state) in (
        ('pending_send', 'sent'),
        ('pending_send', 'confirmed_pending_expire'), ('sent', 'confirmed_pending_expire'),
        ('pending_send', 'failed'), ('sent', 'failed'),
        ('pending_send', 'cancelled'), ('sent', 'cancelled')
    ) or old.state = new.state then
        return new;
    end if;
    raise exception 'challenge cannot go from % to %', old.state, new.state
        using errcode = 'check_violation', constraint = 'challenge_transition';
end $$;

CREATE FUNCTION authsession.clock_now() RETURNS timestamp with time zone
    LANGUAGE sql PARALLEL SAFE
    RETURN (clock_timestamp() + (COALESCE(NULLIF(current_setting('authsession.clock_offset'::text, true), ''::text), '0'::text))::interval);

CREATE TABLE authsession.leases (
    name text NOT NULL,
    holder uuid,
    held_until timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL
);

CREATE FUNCTION authsession.comes_before_the_keeper() RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'authsession', 'pg_temp'
    BEGIN ATOMIC
 SELECT ((SESSION_USER <> 'authsession_public'::name) AND (EXISTS ( SELECT
            FROM authsession.leases
           WHERE ((leases.name = 'keeper of public'::text) AND (leases.held_until > clock_timestamp())))));
END;

CREATE FUNCTION authsession.device_session_only_revoked() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    if old.status = 'active'
       and (old.device_session_id, old.user_id, old.client_public_key, old.login_code_id, old.challenge_id, old.created_at)
           is not distinct from
           (new.device_session_id, new.user_id, new.client_public_key, new.login_code_id, new.challenge_id, new.created_at)
       and (new.status = 'revoked' or old.label is distinct from new.label)
    then
        if new.status = 'revoked' then
            new.label := null;
        end if;
        return new;
    end if;
    raise exception 'a device session can only be revoked, once, and named while it is active'
        using errcode = 'check_violation', constraint = 'device_session_only_revoked';
end $$;

CREATE TABLE authsession.blocks (
    block_id bigint NOT NULL,
    email_id bigint,
    user_id text,
    expires_at timestamp with time zone,
    reason_code text NOT NULL,
    actor_type text NOT NULL,
    actor_id text,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT blocks_actor_type_check CHECK ((actor_type ~ '^[a-z0-9_]{1,32}$'::text)),
    CONSTRAINT blocks_check CHECK ((num_nonnulls(email_id, user_id) = 1)),
    CONSTRAINT blocks_reason_code_check CHECK ((reason_code ~ '^[a-z0-9_]{1,64}$'::text)),
    CONSTRAINT blocks_user_id_check CHECK ((user_id ~ '^[A-Za-z0-9][A-Za-z0-9._~:|-]{0,127}$'::text))
);

CREATE TABLE authsession.challenges (
    challenge_id text NOT NULL,
    email_id bigint NOT NULL,
    email text NOT NULL,
    login_code_id uuid,
    network_tag bytea NOT NULL,
    preferred_language text NOT NULL,
    state text NOT NULL,
    attempts smallint DEFAULT 0 NOT NULL,
    evaluated smallint DEFAULT 0 NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    confirmed_at timestamp with time zone,
    CONSTRAINT challenges_attempts_check CHECK (((attempts >= 0) AND (attempts <= 5))),
    CONSTRAINT challenges_challenge_id_check CHECK ((challenge_id ~~ 'challenge-%'::text)),
    CONSTRAINT challenges_check CHECK (((evaluated >= 0) AND (evaluated <= attempts))),
    CONSTRAINT challenges_check1 CHECK ((expires_at > created_at)),
    CONSTRAINT challenges_check2 CHECK (((login_code_id IS NULL) = (state = ANY (ARRAY['delivery_suppressed'::text, 'delivery_throttled'::text])))),
    CONSTRAINT challenges_check3 CHECK (((confirmed_at IS NULL) = (state <> 'confirmed_pending_expire'::text))),
    CONSTRAINT challenges_check4 CHECK (((state <> 'failed'::text) OR (attempts = 5))),
    CONSTRAINT challenges_check5 CHECK (((state <> ALL (ARRAY['pending_send'::text, 'sent'::text])) OR (attempts < 5))),
    CONSTRAINT challenges_network_tag_check CHECK ((octet_length(network_tag) = 16)),
    CONSTRAINT challenges_state_check CHECK ((state = ANY (ARRAY['pending_send'::text, 'sent'::text, 'delivery_suppressed'::text, 'delivery_throttled'::text, 'confirmed_pending_expire'::text, 'failed'::text, 'cancelled'::text])))
)
WITH (fillfactor='80');

CREATE TABLE authsession.invitations (
    invitation_id text NOT NULL,
    email_id bigint NOT NULL,
    email text NOT NULL,
    created_by text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT invitations_check CHECK ((expires_at > created_at)),
    CONSTRAINT invitations_invitation_id_check CHECK ((invitation_id ~~ 'invitation-%'::text))
);

CREATE TABLE authsession.known_networks (
    email_id bigint NOT NULL,
    network_tag bytea NOT NULL,
    confirmed_at timestamp with time zone NOT NULL,
    CONSTRAINT known_networks_network_tag_check CHECK ((octet_length(network_tag) = 16))
);

CREATE TABLE authsession.letters (
    letter_id uuid NOT NULL,
    kind text NOT NULL,
    email_id bigint NOT NULL,
    email text NOT NULL,
    locale text NOT NULL,
    device_session_id text,
    time_zone text,
    label text,
    seal_key_id text,
    sealed_token bytea,
    is_kept boolean DEFAULT false NOT NULL,
    state text DEFAULT 'queued'::text NOT NULL,
    reason text,
    attempts integer DEFAULT 0 NOT NULL,
    queued_at timestamp with time zone NOT NULL,
    next_attempt_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone,
    CONSTRAINT letters_check CHECK (((finished_at IS NULL) = (state = 'queued'::text))),
    CONSTRAINT letters_check1 CHECK (((finished_at IS NULL) OR (sealed_token IS NULL) OR is_kept)),
    CONSTRAINT letters_check2 CHECK (((seal_key_id IS NULL) = (sealed_token IS NULL))),
    CONSTRAINT letters_check3 CHECK (((device_session_id IS NOT NULL) = (kind = 'notice'::text))),
    CONSTRAINT letters_kind_check CHECK ((kind = ANY (ARRAY['notice'::text, 'invitation'::text]))),
    CONSTRAINT letters_state_check CHECK ((state = ANY (ARRAY['queued'::text, 'sent'::text, 'suppressed'::text, 'failed'::text, 'abandoned'::text])))
)
WITH (fillfactor='80');

CREATE TABLE authsession.login_codes (
    login_code_id uuid NOT NULL,
    email_id bigint NOT NULL,
    email text NOT NULL,
    key_id text NOT NULL,
    salt bytea NOT NULL,
    mac bytea NOT NULL,
    sealed_code bytea,
    seal_key_id text,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    CONSTRAINT login_codes_check CHECK ((expires_at > created_at)),
    CONSTRAINT login_codes_check1 CHECK (((sealed_code IS NULL) = (seal_key_id IS NULL))),
    CONSTRAINT login_codes_check2 CHECK (((ended_at IS NULL) OR (sealed_code IS NULL))),
    CONSTRAINT login_codes_mac_check CHECK ((octet_length(mac) = 32)),
    CONSTRAINT login_codes_salt_check CHECK ((octet_length(salt) = 16))
)
WITH (fillfactor='80');

CREATE TABLE authsession.mail_deliveries (
    delivery_id uuid NOT NULL,
    challenge_id text NOT NULL,
    login_code_id uuid,
    email_id bigint NOT NULL,
    email text NOT NULL,
    locale text NOT NULL,
    network_tag bytea NOT NULL,
    to_new_address boolean NOT NULL,
    state text NOT NULL,
    reason text,
    attempts integer DEFAULT 0 NOT NULL,
    queued_at timestamp with time zone NOT NULL,
    next_attempt_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone,
    mailbox text,
    CONSTRAINT mail_deliveries_check CHECK (((finished_at IS NULL) = (state = 'queued'::text))),
    CONSTRAINT mail_deliveries_check1 CHECK (((state <> ALL (ARRAY['queued'::text, 'sent'::text])) OR (login_code_id IS NOT NULL))),
    CONSTRAINT mail_deliveries_network_tag_check CHECK ((octet_length(network_tag) = 16)),
    CONSTRAINT mail_deliveries_state_check CHECK ((state = ANY (ARRAY['queued'::text, 'sent'::text, 'suppressed'::text, 'failed'::text, 'abandoned'::text, 'decoy'::text])))
)
WITH (fillfactor='80');

CREATE TABLE authsession.user_block_orders (
    order_id bigint NOT NULL,
    email_id bigint,
    user_id text,
    reason_code text NOT NULL,
    ordered_at timestamp with time zone NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    next_attempt_at timestamp with time zone NOT NULL,
    CONSTRAINT user_block_orders_attempts_check CHECK ((attempts >= 0)),
    CONSTRAINT user_block_orders_check CHECK ((num_nonnulls(email_id, user_id) = 1)),
    CONSTRAINT user_block_orders_reason_code_check CHECK ((reason_code ~ '^[a-z0-9_]{1,64}$'::text)),
    CONSTRAINT user_block_orders_user_id_check CHECK ((user_id ~ '^[A-Za-z0-9][A-Za-z0-9._~:|-]{0,127}$'::text))
);

CREATE TABLE authsession.users (
    user_id text NOT NULL,
    email_id bigint NOT NULL,
    email text NOT NULL,
    preferred_language text NOT NULL,
    time_zone text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT users_user_id_check CHECK ((user_id ~ '^[A-Za-z0-9][A-Za-z0-9._~:|-]{0,127}$'::text))
);

CREATE FUNCTION authsession.email_is_unused(which bigint) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN ((NOT (EXISTS (SELECT FROM authsession.users WHERE (users.email_id = email_is_unused.which)))) AND (NOT (EXISTS (SELECT FROM authsession.blocks WHERE (blocks.email_id = email_is_unused.which)))) AND (NOT (EXISTS (SELECT FROM authsession.challenges WHERE (challenges.email_id = email_is_unused.which)))) AND (NOT (EXISTS (SELECT FROM authsession.login_codes WHERE (login_codes.email_id = email_is_unused.which)))) AND (NOT (EXISTS (SELECT FROM authsession.mail_deliveries WHERE (mail_deliveries.email_id = email_is_unused.which)))) AND (NOT (EXISTS (SELECT FROM authsession.known_networks WHERE (known_networks.email_id = email_is_unused.which)))) AND (NOT (EXISTS (SELECT FROM authsession.user_block_orders WHERE (user_block_orders.email_id = email_is_unused.which)))) AND (NOT (EXISTS (SELECT FROM authsession.letters WHERE (letters.email_id = email_is_unused.which)))) AND (NOT (EXISTS (SELECT FROM authsession.invitations WHERE (invitations.email_id = email_is_unused.which)))));

CREATE FUNCTION authsession.end_public_blockers(patience interval) RETURNS bigint
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'authsession', 'pg_temp'
    BEGIN ATOMIC
 SELECT count(*) FILTER (WHERE pg_terminate_backend(guilty.pid)) AS count
    FROM ( SELECT DISTINCT blocker.pid
            FROM (((pg_locks waiting
              JOIN pg_stat_activity waiter ON (((waiter.pid = waiting.pid) AND (waiter.datname = current_database()) AND (waiter.usename <> 'authsession_public'::name))))
              CROSS JOIN LATERAL unnest(pg_blocking_pids(waiting.pid)) blocking(pid))
              JOIN pg_stat_activity blocker ON (((blocker.pid = blocking.pid) AND (blocker.datname = current_database()) AND (blocker.usename = 'authsession_public'::name))))
           WHERE ((NOT waiting.granted) AND (waiting.waitstart < (clock_timestamp() - GREATEST(end_public_blockers.patience, '00:00:01'::interval))))) guilty;
END;

CREATE FUNCTION authsession.give_back_lease(which text, by uuid) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'authsession', 'pg_temp'
    BEGIN ATOMIC
 UPDATE authsession.leases SET held_until = '-infinity'::timestamp with time zone
   WHERE ((leases.name = (give_back_lease.which ||
         CASE
             WHEN (SESSION_USER = 'authsession_public'::name) THEN ' of public'::text
             ELSE ''::text
         END)) AND (leases.holder = give_back_lease.by));
END;

CREATE FUNCTION authsession.is_email_domain_refused(email text, blocked text[], allowed text[]) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ((split_part(email, '@'::text, 2) = ANY (blocked)) OR ((cardinality(allowed) > 0) AND (split_part(email, '@'::text, 2) <> ALL (allowed))));

CREATE FUNCTION authsession.is_invited(which bigint, at timestamp with time zone) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (EXISTS (SELECT FROM authsession.invitations WHERE ((invitations.email_id = is_invited.which) AND (invitations.expires_at > is_invited.at))));

CREATE FUNCTION authsession.keeper_is_internal() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'authsession', 'pg_temp'
    AS $$
begin
    if exists (select from leases where name = 'keeper' and held_until > clock_timestamp()) then
        raise exception 'the internal process keeps the projection' using errcode = 'insufficient_privilege';
    end if;
    return new;
end $$;

CREATE TABLE authsession.last_use_reports (
    is_one boolean DEFAULT true NOT NULL,
    since timestamp with time zone NOT NULL,
    told_at timestamp with time zone NOT NULL,
    CONSTRAINT last_use_reports_check CHECK ((since <= told_at)),
    CONSTRAINT last_use_reports_is_one_check CHECK (is_one)
);

CREATE FUNCTION authsession.last_uses_told_since() RETURNS timestamp with time zone
    LANGUAGE sql STABLE
    RETURN (SELECT last_use_reports.since FROM authsession.last_use_reports WHERE (last_use_reports.told_at > (authsession.clock_now() - '26:00:00'::interval)));

CREATE FUNCTION authsession.may_sign_up(sign_up text, which bigint, at timestamp with time zone) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE sign_up WHEN 'open'::text THEN true WHEN 'invited'::text THEN authsession.is_invited(which, at) ELSE false END;

CREATE FUNCTION authsession.move_user(which text, to_email_id bigint, to_email text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'authsession', 'pg_temp'
    AS $$
declare
    left_email_id bigint;
begin
    select email_id into strict left_email_id from users where user_id = which;
    if not exists (select from emails where email_id = to_email_id and folded = lower(to_email)) then
        raise exception 'the address is not of this row' using errcode = 'insufficient_privilege';
    end if;
    update users set email_id = to_email_id, email = to_email where user_id = which;
    if left_email_id <> to_email_id then
        update login_codes set ended_at = clock_timestamp(), sealed_code = null, seal_key_id = null
         where email_id = left_email_id and ended_at is null and expires_at > clock_timestamp();
    end if;
end $$;

CREATE FUNCTION authsession.notice_is_of_new_session() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'authsession', 'pg_temp'
    AS $$
begin
    if not exists (select from device_sessions
                    where device_session_id = new.device_session_id and created_at > owners_clock() - interval '1 minute') then
        raise exception 'a notice is about a session that was just opened' using errcode = 'insufficient_privilege';
    end if;
    new.created_at := owners_clock();
    new.used_at := null;
    return new;
end $$;

CREATE TABLE authsession.session_notices (
    notice_id uuid NOT NULL,
    device_session_id text NOT NULL,
    token_hash bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone,
    CONSTRAINT session_notices_token_hash_check CHECK ((octet_length(token_hash) = 32))
);

CREATE FUNCTION authsession.notice_stands(which bytea) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'authsession', 'pg_temp'
    BEGIN ATOMIC
 SELECT (EXISTS ( SELECT
            FROM authsession.session_notices
           WHERE (session_notices.token_hash = notice_stands.which))) AS "exists";
END;

CREATE FUNCTION authsession.owners_clock() RETURNS timestamp with time zone
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'authsession', 'pg_temp'
    BEGIN ATOMIC
 SELECT (clock_timestamp() + COALESCE(( SELECT (NULLIF(split_part(setting.setting, '='::text, 2), ''::text))::interval AS "nullif"
            FROM (pg_db_role_setting
              CROSS JOIN LATERAL unnest(pg_db_role_setting.setconfig) setting(setting))
           WHERE ((pg_db_role_setting.setdatabase = ( SELECT pg_database.oid
                    FROM pg_database
                   WHERE (pg_database.datname = current_database()))) AND (pg_db_role_setting.setrole = (0)::oid) AND (setting.setting ~~ 'authsession.clock_offset=%'::text))), '00:00:00'::interval));
END;

CREATE TABLE authsession.mail_connection (
    is_one boolean DEFAULT true NOT NULL,
    change_id uuid DEFAULT gen_random_uuid() NOT NULL,
    connection_id text,
    connection_revision integer,
    key_id text,
    sealed bytea,
    CONSTRAINT mail_connection_check CHECK ((num_nonnulls(connection_id, connection_revision, key_id, sealed) = ANY (ARRAY[0, 4]))),
    CONSTRAINT mail_connection_is_one_check CHECK (is_one),
    CONSTRAINT mail_connection_sealed_check CHECK ((octet_length(sealed) <= 32768))
)
WITH (fillfactor='50');

CREATE FUNCTION authsession.read_mail_connection() RETURNS TABLE(change_id uuid, connection_id text, connection_revision integer, key_id text, sealed bytea)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'authsession', 'pg_temp'
    BEGIN ATOMIC
 SELECT kept.change_id,
     kept.connection_id,
     kept.connection_revision,
     kept.key_id,
     kept.sealed
    FROM authsession.mail_connection kept;
END;

CREATE FUNCTION authsession.remove_audit_prefix(up_to bigint, expected_chain_mac bytea, with_key_id text, with_mac bytea) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'authsession', 'pg_temp'
    AS $$
declare
    begun bigint;
    removed bigint;
begin
    select seq into begun from audit_checkpoint for update;
    if up_to <= begun then
        return 0;
    end if;
    if not exists (select from audit_seal where seq = up_to and mac = expected_chain_mac)
       or up_to >= (select max(seq) from audit_seal) then
        raise exception 'no such place in the audit chain, or its end' using errcode = 'insufficient_privilege';
    end if;
    if exists (select from audit_seal join audit_events using (audit_id)
                where seq <= up_to
                  and occurred_at >= (select clock_timestamp() - audit_retention from settings)) then
        raise exception 'the audit trail is kept for audit_retention' using errcode = 'insufficient_privilege';
    end if;
    delete from audit_events where audit_id in (select audit_id from audit_seal where seq <= up_to);
    get diagnostics removed = row_count;
    delete from audit_seal where seq <= up_to;
    update audit_checkpoint set seq = up_to, chain_mac = expected_chain_mac, key_id = with_key_id, mac = with_mac;
    return removed;
end $$;

CREATE TABLE authsession.device_sessions (
    device_session_id text NOT NULL,
    user_id text NOT NULL,
    client_public_key bytea NOT NULL,
    login_code_id uuid,
    challenge_id text,
    status text DEFAULT 'active'::text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone,
    revoke_reason_code text,
    revoke_actor_type text,
    revoke_actor_id text,
    label text,
    CONSTRAINT device_sessions_check CHECK (
CASE status
    WHEN 'active'::text THEN (num_nonnulls(revoked_at, revoke_reason_code, revoke_actor_type, revoke_actor_id) = 0)
    ELSE (num_nonnulls(revoked_at, revoke_reason_code, revoke_actor_type) = 3)
END),
    CONSTRAINT device_sessions_client_public_key_check CHECK ((octet_length(client_public_key) = 32)),
    CONSTRAINT device_sessions_device_session_id_check CHECK ((device_session_id ~~ 'device-session-%'::text)),
    CONSTRAINT device_sessions_label_check CHECK (((char_length(label) >= 1) AND (char_length(label) <= 64))),
    CONSTRAINT device_sessions_label_check1 CHECK ((label !~ ('[[:cntrl:]]'::text COLLATE "C"))),
    CONSTRAINT device_sessions_of_agents CHECK (
CASE
    WHEN (user_id ~ '^agent-[0-9a-z]{26}$'::text) THEN (num_nonnulls(login_code_id, challenge_id) = 0)
    ELSE (num_nonnulls(login_code_id, challenge_id) = 2)
END),
    CONSTRAINT device_sessions_revoke_actor_type_check CHECK ((revoke_actor_type ~ '^[a-z0-9_]{1,32}$'::text)),
    CONSTRAINT device_sessions_revoke_reason_code_check CHECK ((revoke_reason_code ~ '^[a-z0-9_]{1,64}$'::text)),
    CONSTRAINT device_sessions_status_check CHECK ((status = ANY (ARRAY['active'::text, 'revoked'::text])))
)
WITH (fillfactor='90');

CREATE FUNCTION authsession.revoke_oldest_sessions(for_user_id text) RETURNS SETOF authsession.device_sessions
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'authsession', 'pg_temp'
    AS $$
declare
    chosen settings%rowtype;
    now timestamptz := owners_clock();
begin
    select * into chosen from settings;
    if chosen.session_limit = 0 or chosen.session_limit_policy <> 'revoke_oldest' then
        raise exception 'the session limit policy is not revoke_oldest' using errcode = 'insufficient_privilege';
    end if;
    return query
        update device_sessions set
            status = 'revoked', revoked_at = now, revoke_reason_code = 'session_limit', revoke_actor_type = 'system'
         where device_session_id in (
             select device_session_id from device_sessions
              where user_id = for_user_id and status = 'active' and created_at > now - chosen.session_max_age
              order by created_at desc, device_session_id desc
             offset chosen.session_limit)
        returning *;
end $$;

CREATE FUNCTION authsession.session_opens_now() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'authsession', 'pg_temp'
    AS $$
begin
    if new.created_at not between owners_clock() - interval '1 minute' and owners_clock() + interval '1 minute' then
        raise exception 'the public role opens sessions now' using errcode = 'insufficient_privilege';
    end if;
    return new;
end $$;

CREATE FUNCTION authsession.session_order_received() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'authsession', 'pg_temp'
    AS $$
begin
    new.received_at := owners_clock();
    return new;
end $$;

CREATE FUNCTION authsession.take_lease(which text, by uuid, life interval) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'authsession', 'pg_temp'
    AS $$
declare
    is_public constant boolean := session_user = 'authsession_public';
    own constant text := which || case when is_public then ' of public' else '' end;
    now constant timestamptz := clock_timestamp();
begin
    if is_public and which <> 'keeper' or life > interval '1 minute' then
        raise exception 'this lease is not for this role, or not for so long' using errcode = 'insufficient_privilege';
    end if;
    if is_public and exists (select from leases where name = 'keeper' and held_until > now) then
        return false;
    end if;
    perform from leases where name = own and (holder = by or held_until <= now) for update skip locked;
    if not found then
        return false;
    end if;
    update leases set holder = by, held_until = now + life where name = own;
    return true;
end $$;

CREATE FUNCTION authsession.version_never_changes() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    raise exception 'a published version never changes' using errcode = 'check_violation';
end $$;

CREATE TABLE authsession.api_tokens (
    token_id text NOT NULL,
    name text NOT NULL,
    prefix text NOT NULL,
    token_hash bytea NOT NULL,
    scopes text[] NOT NULL,
    created_by text,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    last_used_at timestamp with time zone,
    revoked_at timestamp with time zone,
    revoke_reason_code text,
    CONSTRAINT api_tokens_check CHECK ((expires_at > created_at)),
    CONSTRAINT api_tokens_check1 CHECK (((revoked_at IS NULL) = (revoke_reason_code IS NULL))),
    CONSTRAINT api_tokens_name_check CHECK (((length(name) >= 1) AND (length(name) <= 100))),
    CONSTRAINT api_tokens_revoke_reason_code_check CHECK ((revoke_reason_code ~ '^[a-z0-9_]{1,64}$'::text)),
    CONSTRAINT api_tokens_scopes_check CHECK ((cardinality(scopes) > 0)),
    CONSTRAINT api_tokens_token_hash_check CHECK ((octet_length(token_hash) = 32)),
    CONSTRAINT api_tokens_token_id_check CHECK ((token_id ~~ 'token-%'::text))
)
WITH (fillfactor='80');

CREATE TABLE authsession.audit_checkpoint (
    only_row boolean DEFAULT true NOT NULL,
    seq bigint DEFAULT 0 NOT NULL,
    chain_mac bytea DEFAULT decode(repeat('00'::text, 32), 'hex'::text) NOT NULL,
    key_id text,
    mac bytea,
    CONSTRAINT audit_checkpoint_chain_mac_check CHECK ((octet_length(chain_mac) = 32)),
    CONSTRAINT audit_checkpoint_check CHECK (((seq = 0) = (key_id IS NULL))),
    CONSTRAINT audit_checkpoint_check1 CHECK (((seq = 0) = (mac IS NULL))),
    CONSTRAINT audit_checkpoint_mac_check CHECK ((octet_length(mac) = 32)),
    CONSTRAINT audit_checkpoint_only_row_check CHECK (only_row),
    CONSTRAINT audit_checkpoint_seq_check CHECK ((seq >= 0))
);

CREATE TABLE authsession.audit_events (
    audit_id bigint NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    event text NOT NULL,
    outcome text NOT NULL,
    caller text NOT NULL,
    actor_type text,
    actor_id text,
    network text,
    request_id text,
    subject text,
    reason_code text,
    details jsonb,
    CONSTRAINT audit_events_event_check CHECK ((event ~~ 'security.%'::text)),
    CONSTRAINT audit_events_occurred_at_check CHECK (((occurred_at >= '2000-01-01 00:00:00+00'::timestamp with time zone) AND (occurred_at <= '9999-01-01 00:00:00+00'::timestamp with time zone)))
);

ALTER TABLE authsession.audit_events ALTER COLUMN audit_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME authsession.audit_events_audit_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE authsession.audit_seal (
    seq bigint NOT NULL,
    audit_id bigint NOT NULL,
    key_id text NOT NULL,
    mac bytea NOT NULL,
    CONSTRAINT audit_seal_mac_check CHECK ((octet_length(mac) = 32)),
    CONSTRAINT audit_seal_seq_check CHECK ((seq > 0))
);

CREATE TABLE authsession.audit_sealer (
    only_row boolean DEFAULT true NOT NULL,
    floor bigint DEFAULT 0 NOT NULL,
    CONSTRAINT audit_sealer_only_row_check CHECK (only_row)
);

ALTER TABLE authsession.blocks ALTER COLUMN block_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME authsession.blocks_block_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE authsession.config_documents (
    manifest_digest bytea NOT NULL,
    document_digest bytea NOT NULL,
    subject_id text NOT NULL,
    version integer NOT NULL,
    CONSTRAINT config_documents_document_digest_check CHECK ((octet_length(document_digest) = 32))
);

CREATE TABLE authsession.config_heads (
    pool text NOT NULL,
    epoch bigint NOT NULL,
    sequence bigint NOT NULL,
    digest bytea NOT NULL,
    content_digest bytea NOT NULL,
    activated_at timestamp with time zone NOT NULL,
    stable_digest bytea,
    percent smallint DEFAULT 100 NOT NULL,
    halts boolean DEFAULT false NOT NULL,
    halted_at timestamp with time zone,
    staged_subject_id text,
    staged_sequence bigint,
    CONSTRAINT config_heads_check CHECK (((percent < 100) OR halts OR ((stable_digest IS NULL) AND (halted_at IS NULL)))),
    CONSTRAINT config_heads_content_digest_check CHECK ((octet_length(content_digest) = 32)),
    CONSTRAINT config_heads_epoch_check CHECK ((epoch > 0)),
    CONSTRAINT config_heads_percent_check CHECK (((percent >= 1) AND (percent <= 100))),
    CONSTRAINT config_heads_sequence_check CHECK ((sequence > 0))
)
WITH (fillfactor='50');

CREATE TABLE authsession.config_manifests (
    digest bytea NOT NULL,
    pool text NOT NULL,
    epoch bigint NOT NULL,
    sequence bigint NOT NULL,
    manifest bytea NOT NULL,
    signatures jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT config_manifests_digest_check CHECK ((octet_length(digest) = 32)),
    CONSTRAINT config_manifests_epoch_check CHECK ((epoch > 0)),
    CONSTRAINT config_manifests_manifest_check CHECK ((octet_length(manifest) <= 65536)),
    CONSTRAINT config_manifests_sequence_check CHECK ((sequence > 0))
);

CREATE TABLE authsession.config_secrets (
    manifest_digest bytea NOT NULL,
    secret_id text NOT NULL,
    reader text NOT NULL,
    version integer NOT NULL,
    CONSTRAINT config_secrets_version_check CHECK ((version > 0))
);

CREATE TABLE authsession.connection_defaults (
    connection_key text NOT NULL,
    connection_id text NOT NULL,
    changed_by text NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    CONSTRAINT connection_defaults_connection_key_check CHECK ((connection_key = ANY (ARRAY['mail'::text, 'user_service'::text, 'telemetry'::text, 'model'::text])))
);

CREATE TABLE authsession.connection_health (
    health_id bigint NOT NULL,
    connection_id text NOT NULL,
    checked_at timestamp with time zone NOT NULL,
    result text NOT NULL,
    duration_ms integer NOT NULL
);

ALTER TABLE authsession.connection_health ALTER COLUMN health_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME authsession.connection_health_health_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE authsession.connection_revisions (
    connection_id text NOT NULL,
    revision integer NOT NULL,
    settings jsonb NOT NULL,
    secrets jsonb NOT NULL,
    result text,
    checked_at timestamp with time zone,
    duration_ms integer,
    account text,
    detail text,
    is_unverified boolean DEFAULT false NOT NULL,
    created_by text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    accepted_at timestamp with time zone,
    CONSTRAINT connection_revisions_account_check CHECK ((length(account) <= 200)),
    CONSTRAINT connection_revisions_detail_check CHECK ((length(detail) <= 200)),
    CONSTRAINT connection_revisions_revision_check CHECK ((revision > 0))
);

CREATE TABLE authsession.connection_states (
    connection_id text NOT NULL,
    status text NOT NULL,
    since timestamp with time zone NOT NULL,
    failures integer DEFAULT 0 NOT NULL,
    successes integer DEFAULT 0 NOT NULL,
    next_probe_at timestamp with time zone NOT NULL,
    revision integer DEFAULT 0 NOT NULL,
    is_slow boolean DEFAULT false NOT NULL,
    probing_until timestamp with time zone,
    CONSTRAINT connection_states_status_check CHECK ((status = ANY (ARRAY['unknown'::text, 'healthy'::text, 'degraded'::text, 'failing'::text])))
)
WITH (fillfactor='50');

CREATE TABLE authsession.connections (
    connection_id text NOT NULL,
    name text NOT NULL,
    kind text NOT NULL,
    last_revision integer NOT NULL,
    accepted_revision integer,
    candidate_revision integer,
    candidate_until timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT connections_check CHECK ((accepted_revision <= last_revision)),
    CONSTRAINT connections_check1 CHECK ((candidate_revision <= last_revision)),
    CONSTRAINT connections_check2 CHECK (((candidate_revision IS NULL) = (candidate_until IS NULL))),
    CONSTRAINT connections_connection_id_check CHECK ((connection_id ~~ 'connection-%'::text)),
    CONSTRAINT connections_kind_check CHECK ((kind ~ '^[a-z_]{1,32}$'::text)),
    CONSTRAINT connections_last_revision_check CHECK ((last_revision > 0)),
    CONSTRAINT connections_name_check CHECK ((name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'::text))
)
WITH (fillfactor='80');

CREATE TABLE authsession.domain_revocations (
    domain text NOT NULL,
    after_email_id bigint DEFAULT 0 NOT NULL,
    actor_type text NOT NULL,
    actor_id text,
    ordered_at timestamp with time zone NOT NULL,
    CONSTRAINT domain_revocations_actor_type_check CHECK ((actor_type ~ '^[a-z0-9_]{1,32}$'::text))
);

CREATE TABLE authsession.emails (
    email_id bigint NOT NULL,
    folded text NOT NULL,
    version bigint DEFAULT 0 NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT emails_folded_check CHECK ((octet_length(folded) <= 254))
)
WITH (fillfactor='80');

ALTER TABLE authsession.emails ALTER COLUMN email_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME authsession.emails_email_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE authsession.idempotency_keys (
    caller text NOT NULL,
    key_hash bytea NOT NULL,
    request_hash bytea NOT NULL,
    request_id text NOT NULL,
    status smallint NOT NULL,
    body bytea NOT NULL,
    device_session_ids text[] NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT idempotency_keys_key_hash_check CHECK ((octet_length(key_hash) = 32)),
    CONSTRAINT idempotency_keys_request_hash_check CHECK ((octet_length(request_hash) = 32)),
    CONSTRAINT idempotency_keys_status_check CHECK (((status >= 200) AND (status <= 499)))
);

CREATE TABLE authsession.node_join_tokens (
    join_token_id text NOT NULL,
    token_hash bytea NOT NULL,
    pool text NOT NULL,
    node_name text,
    uses integer NOT NULL,
    uses_left integer NOT NULL,
    created_by text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone,
    CONSTRAINT node_join_tokens_check CHECK (((uses_left >= 0) AND (uses_left <= uses))),
    CONSTRAINT node_join_tokens_check1 CHECK ((expires_at > created_at)),
    CONSTRAINT node_join_tokens_check2 CHECK (((node_name IS NULL) OR (uses = 1))),
    CONSTRAINT node_join_tokens_join_token_id_check CHECK ((join_token_id ~~ 'join-token-%'::text)),
    CONSTRAINT node_join_tokens_token_hash_check CHECK ((octet_length(token_hash) = 32)),
    CONSTRAINT node_join_tokens_uses_check CHECK (((uses >= 1) AND (uses <= 1000)))
)
WITH (fillfactor='80');

CREATE TABLE authsession.node_keys (
    public_key bytea NOT NULL,
    node_id text NOT NULL,
    generation integer NOT NULL,
    encryption_key bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    valid_until timestamp with time zone,
    CONSTRAINT node_keys_encryption_key_check CHECK ((octet_length(encryption_key) = 32)),
    CONSTRAINT node_keys_generation_check CHECK ((generation > 0)),
    CONSTRAINT node_keys_public_key_check CHECK ((octet_length(public_key) = 32))
)
WITH (fillfactor='80');

CREATE TABLE authsession.node_pools (
    pool text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT node_pools_pool_check CHECK ((pool ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'::text))
);

CREATE TABLE authsession.node_redis_users (
    node_id text NOT NULL,
    password_hash bytea NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    CONSTRAINT node_redis_users_password_hash_check CHECK ((octet_length(password_hash) = 32))
)
WITH (fillfactor='70');

CREATE TABLE authsession.node_states (
    node_id text NOT NULL,
    last_seen_at timestamp with time zone NOT NULL,
    status_at_ms bigint DEFAULT 0 NOT NULL,
    boot_id text,
    previous_boot_id text,
    boot_changed_at timestamp with time zone,
    key_shared_at timestamp with time zone,
    offered_epoch bigint DEFAULT 0 NOT NULL,
    offered_sequence bigint DEFAULT 0 NOT NULL,
    offered_at timestamp with time zone,
    applied_epoch bigint DEFAULT 0 NOT NULL,
    applied_sequence bigint DEFAULT 0 NOT NULL,
    applied_digest bytea,
    applied_outcome text,
    applied_at timestamp with time zone,
    source text,
    rejected_epoch bigint DEFAULT 0 NOT NULL,
    rejected_sequence bigint DEFAULT 0 NOT NULL,
    rejected_digest bytea,
    rejected_at timestamp with time zone,
    error_code text,
    error_message text,
    error_document text,
    report jsonb,
    CONSTRAINT node_states_applied_digest_check CHECK ((octet_length(applied_digest) = 32)),
    CONSTRAINT node_states_applied_outcome_check CHECK ((applied_outcome = ANY (ARRAY['applied'::text, 'degraded'::text]))),
    CONSTRAINT node_states_error_code_check CHECK ((error_code ~ '^[a-z0-9_]{1,64}$'::text)),
    CONSTRAINT node_states_error_document_check CHECK ((length(error_document) <= 500)),
    CONSTRAINT node_states_error_message_check CHECK ((length(error_message) <= 500)),
    CONSTRAINT node_states_rejected_digest_check CHECK ((octet_length(rejected_digest) = 32)),
    CONSTRAINT node_states_source_check CHECK ((source = ANY (ARRAY['control_plane'::text, 'disk'::text, 'bundle'::text])))
)
WITH (fillfactor='50');

CREATE TABLE authsession.nodes (
    node_id text NOT NULL,
    pool text NOT NULL,
    node_name text NOT NULL,
    status text NOT NULL,
    join_token_id text,
    software text,
    created_at timestamp with time zone NOT NULL,
    approved_at timestamp with time zone,
    revoked_at timestamp with time zone,
    revoke_reason_code text,
    revoke_actor_type text,
    revoke_actor_id text,
    CONSTRAINT nodes_check CHECK (((status = 'revoked'::text) = (revoked_at IS NOT NULL))),
    CONSTRAINT nodes_check1 CHECK (((status = 'revoked'::text) = (revoke_reason_code IS NOT NULL))),
    CONSTRAINT nodes_node_id_check CHECK ((node_id ~~ 'node-%'::text)),
    CONSTRAINT nodes_node_name_check CHECK ((node_name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'::text)),
    CONSTRAINT nodes_revoke_reason_code_check CHECK ((revoke_reason_code ~ '^[a-z0-9_]{1,64}$'::text)),
    CONSTRAINT nodes_software_check CHECK ((length(software) <= 100)),
    CONSTRAINT nodes_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'active'::text, 'revoked'::text])))
)
WITH (fillfactor='80');

CREATE TABLE authsession.onboarding_steps (
    step text NOT NULL,
    done_at timestamp with time zone NOT NULL,
    operator_id text NOT NULL,
    is_skipped boolean DEFAULT false NOT NULL,
    CONSTRAINT onboarding_steps_check CHECK (((NOT is_skipped) OR (step = ANY (ARRAY['mail_connection_verified'::text, 'node_joined'::text])))),
    CONSTRAINT onboarding_steps_step_check CHECK ((step = ANY (ARRAY['recovery_codes_stored'::text, 'settings_reviewed'::text, 'mail_connection_verified'::text, 'node_joined'::text])))
);

CREATE TABLE authsession.operator_sessions (
    operator_session_id text NOT NULL,
    operator_id text NOT NULL,
    token_hash bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    renewed_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    network text,
    user_agent text,
    revoked_at timestamp with time zone,
    revoke_reason_code text,
    CONSTRAINT operator_sessions_check CHECK ((expires_at > created_at)),
    CONSTRAINT operator_sessions_check1 CHECK (((renewed_at >= created_at) AND (renewed_at <= expires_at))),
    CONSTRAINT operator_sessions_check2 CHECK (((revoked_at IS NULL) = (revoke_reason_code IS NULL))),
    CONSTRAINT operator_sessions_operator_session_id_check CHECK ((operator_session_id ~~ 'operator-session-%'::text)),
    CONSTRAINT operator_sessions_revoke_reason_code_check CHECK ((revoke_reason_code ~ '^[a-z0-9_]{1,64}$'::text)),
    CONSTRAINT operator_sessions_token_hash_check CHECK ((octet_length(token_hash) = 32)),
    CONSTRAINT operator_sessions_user_agent_check CHECK ((length(user_agent) <= 256))
)
WITH (fillfactor='80');

CREATE TABLE authsession.operators (
    operator_id text NOT NULL,
    user_name text NOT NULL,
    email text,
    is_owner boolean NOT NULL,
    password_hash text NOT NULL,
    password_changed_at timestamp with time zone NOT NULL,
    failed_logins integer DEFAULT 0 NOT NULL,
    locked_until timestamp with time zone,
    disabled_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    recovery_code_hashes text[] DEFAULT '{}'::text[] NOT NULL,
    recovery_codes_made_at timestamp with time zone,
    CONSTRAINT operators_check CHECK (((recovery_codes_made_at IS NULL) = (recovery_code_hashes = '{}'::text[]))),
    CONSTRAINT operators_email_check CHECK ((octet_length(email) <= 254)),
    CONSTRAINT operators_failed_logins_check CHECK ((failed_logins >= 0)),
    CONSTRAINT operators_operator_id_check CHECK ((operator_id ~~ 'operator-%'::text)),
    CONSTRAINT operators_password_hash_check CHECK ((password_hash ~~ '$argon2id$%'::text)),
    CONSTRAINT operators_recovery_code_hashes_check CHECK ((cardinality(recovery_code_hashes) <= 10)),
    CONSTRAINT operators_user_name_check CHECK ((user_name ~ '^[a-z0-9][a-z0-9._-]{1,63}$'::text))
)
WITH (fillfactor='70');

CREATE TABLE authsession.owner_setup (
    only_row boolean DEFAULT true NOT NULL,
    setup_code_hash bytea,
    setup_code_expires_at timestamp with time zone,
    registration_token_hash bytea,
    registration_token_expires_at timestamp with time zone,
    CONSTRAINT owner_setup_check CHECK (((setup_code_hash IS NULL) = (setup_code_expires_at IS NULL))),
    CONSTRAINT owner_setup_check1 CHECK (((registration_token_hash IS NULL) = (registration_token_expires_at IS NULL))),
    CONSTRAINT owner_setup_check2 CHECK (((setup_code_hash IS NULL) OR (registration_token_hash IS NULL))),
    CONSTRAINT owner_setup_only_row_check CHECK (only_row),
    CONSTRAINT owner_setup_registration_token_hash_check CHECK ((octet_length(registration_token_hash) = 32)),
    CONSTRAINT owner_setup_setup_code_hash_check CHECK ((octet_length(setup_code_hash) = 32))
);

CREATE TABLE authsession.projection_conflicts (
    device_session_id text NOT NULL,
    noted_at timestamp with time zone NOT NULL
);

CREATE TABLE authsession.projection_guard (
    only_row boolean DEFAULT true NOT NULL,
    holder text DEFAULT ''::text NOT NULL,
    held_until timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    stream_position text DEFAULT '0-0'::text NOT NULL,
    CONSTRAINT projection_guard_only_row_check CHECK (only_row)
)
WITH (fillfactor='50');

CREATE TABLE authsession.projection_keeper (
    only_row boolean DEFAULT true NOT NULL,
    epoch text DEFAULT ''::text NOT NULL,
    state text DEFAULT 'rebuilding'::text NOT NULL,
    beat bigint DEFAULT 0 NOT NULL,
    run_id text DEFAULT ''::text NOT NULL,
    timeline text DEFAULT ''::text NOT NULL,
    session_max_age interval DEFAULT '00:00:00'::interval NOT NULL,
    rebuild_requested boolean DEFAULT false NOT NULL,
    postgres_started_at timestamp with time zone DEFAULT '1970-01-01 00:00:00+00'::timestamp with time zone NOT NULL,
    CONSTRAINT projection_keeper_beat_check CHECK ((beat >= 0)),
    CONSTRAINT projection_keeper_only_row_check CHECK (only_row),
    CONSTRAINT projection_keeper_state_check CHECK ((state = ANY (ARRAY['rebuilding'::text, 'complete'::text])))
)
WITH (fillfactor='50');

CREATE TABLE authsession.projection_outbox (
    outbox_id bigint NOT NULL,
    device_session_id text NOT NULL,
    enqueued_at timestamp with time zone NOT NULL,
    available_at timestamp with time zone NOT NULL
);

ALTER TABLE authsession.projection_outbox ALTER COLUMN outbox_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME authsession.projection_outbox_outbox_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE authsession.schema_migrations (
    version integer NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

CREATE TABLE authsession.secret_grants (
    secret_id text NOT NULL,
    grantee_kind text NOT NULL,
    grantee_id text NOT NULL,
    granted_by text NOT NULL,
    granted_at timestamp with time zone NOT NULL,
    CONSTRAINT secret_grants_grantee_kind_check CHECK ((grantee_kind = ANY (ARRAY['pool'::text, 'agent'::text])))
);

CREATE TABLE authsession.secret_opens (
    secret_id text NOT NULL,
    opened_at timestamp with time zone NOT NULL,
    opened_by text NOT NULL
)
WITH (fillfactor='50');

CREATE TABLE authsession.secret_versions (
    secret_id text NOT NULL,
    version integer NOT NULL,
    state text NOT NULL,
    key_id text NOT NULL,
    wrapped_key bytea,
    ciphertext bytea,
    created_by text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT secret_versions_check CHECK ((num_nonnulls(wrapped_key, ciphertext) =
CASE state
    WHEN 'destroyed'::text THEN 0
    ELSE 2
END)),
    CONSTRAINT secret_versions_ciphertext_check CHECK ((octet_length(ciphertext) <= 66000)),
    CONSTRAINT secret_versions_state_check CHECK ((state = ANY (ARRAY['enabled'::text, 'disabled'::text, 'destroyed'::text]))),
    CONSTRAINT secret_versions_version_check CHECK ((version > 0))
);

CREATE TABLE authsession.secrets (
    secret_id text NOT NULL,
    scope_kind text NOT NULL,
    scope_id text NOT NULL,
    name text NOT NULL,
    usage text NOT NULL,
    current_version integer DEFAULT 0 NOT NULL,
    last_version integer DEFAULT 0 NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    deleted_at timestamp with time zone,
    CONSTRAINT secrets_check CHECK ((last_version >= current_version)),
    CONSTRAINT secrets_check1 CHECK (((scope_kind = 'installation'::text) = (scope_id = ''::text))),
    CONSTRAINT secrets_current_version_check CHECK ((current_version >= 0)),
    CONSTRAINT secrets_name_check CHECK ((name ~ '^[A-Z][A-Z0-9_]{0,63}$'::text)),
    CONSTRAINT secrets_scope_kind_check CHECK ((scope_kind = ANY (ARRAY['installation'::text, 'pool'::text, 'agent'::text, 'connection'::text]))),
    CONSTRAINT secrets_secret_id_check CHECK ((secret_id ~~ 'secret-%'::text)),
    CONSTRAINT secrets_usage_check CHECK ((usage = ANY (ARRAY['system'::text, 'grantable'::text])))
)
WITH (fillfactor='80');

CREATE TABLE authsession.session_last_seen (
    device_session_id text NOT NULL,
    day date NOT NULL
)
WITH (fillfactor='50');

CREATE TABLE authsession.session_orders (
    order_id bigint NOT NULL,
    device_session_id text,
    request_id text,
    message_type text,
    timestamp_ms bigint,
    body bytea,
    signature bytea,
    token_hash bytea,
    everything boolean,
    network text NOT NULL,
    http_request_id text NOT NULL,
    received_at timestamp with time zone NOT NULL,
    outcome text,
    session_count integer,
    decided_at timestamp with time zone,
    published_at timestamp with time zone,
    CONSTRAINT session_orders_body_check CHECK ((octet_length(body) <= 1024)),
    CONSTRAINT session_orders_check CHECK ((num_nonnulls(device_session_id, request_id, message_type, timestamp_ms, body, signature) =
CASE
    WHEN (token_hash IS NULL) THEN 6
    ELSE 0
END)),
    CONSTRAINT session_orders_check1 CHECK (((token_hash IS NULL) = (everything IS NULL))),
    CONSTRAINT session_orders_check2 CHECK (((outcome IS NULL) = (decided_at IS NULL))),
    CONSTRAINT session_orders_check3 CHECK (((outcome IS NOT NULL) OR (published_at IS NULL))),
    CONSTRAINT session_orders_device_session_id_check CHECK ((octet_length(device_session_id) <= 128)),
    CONSTRAINT session_orders_http_request_id_check CHECK ((octet_length(http_request_id) <= 128)),
    CONSTRAINT session_orders_message_type_check CHECK ((octet_length(message_type) <= 512)),
    CONSTRAINT session_orders_network_check CHECK ((octet_length(network) <= 64)),
    CONSTRAINT session_orders_outcome_check CHECK ((outcome ~ '^[a-z_]{1,32}$'::text)),
    CONSTRAINT session_orders_request_id_check CHECK ((octet_length(request_id) <= 128)),
    CONSTRAINT session_orders_signature_check CHECK ((octet_length(signature) = 64)),
    CONSTRAINT session_orders_token_hash_check CHECK ((octet_length(token_hash) = 32))
)
WITH (fillfactor='70');

ALTER TABLE authsession.session_orders ALTER COLUMN order_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME authsession.session_orders_order_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE authsession.settings (
    only_row boolean DEFAULT true NOT NULL,
    version bigint DEFAULT 1 NOT NULL,
    session_limit integer DEFAULT 0 NOT NULL,
    session_limit_policy text DEFAULT 'reject'::text NOT NULL,
    session_max_age interval DEFAULT '365 days'::interval NOT NULL,
    require_client_key_proof boolean DEFAULT false NOT NULL,
    challenge_retention interval DEFAULT '7 days'::interval NOT NULL,
    known_network_retention interval DEFAULT '90 days'::interval NOT NULL,
    revoked_session_retention interval DEFAULT '90 days'::interval NOT NULL,
    expired_block_retention interval DEFAULT '30 days'::interval NOT NULL,
    audit_retention interval DEFAULT '400 days'::interval NOT NULL,
    blocked_email_domains text[] DEFAULT '{}'::text[] NOT NULL,
    allowed_email_domains text[] DEFAULT '{}'::text[] NOT NULL,
    operator_password_min_length integer DEFAULT 12 NOT NULL,
    node_join_approval text DEFAULT 'off'::text NOT NULL,
    node_key_shared_policy text DEFAULT 'report'::text NOT NULL,
    published_version_retention interval DEFAULT '400 days'::interval NOT NULL,
    secret_versions_kept integer DEFAULT 10 NOT NULL,
    max_prompt_tokens integer DEFAULT 100000 NOT NULL,
    new_device_notice text DEFAULT 'unknown_network'::text NOT NULL,
    sign_up text DEFAULT 'open'::text NOT NULL,
    session_idle_age interval,
    CONSTRAINT settings_allowed_email_domains_check CHECK (((cardinality(allowed_email_domains) <= 1000) AND (array_position(allowed_email_domains, NULL::text) IS NULL))),
    CONSTRAINT settings_audit_retention_check CHECK (((audit_retention >= '30 days'::interval) AND (audit_retention <= '3650 days'::interval))),
    CONSTRAINT settings_blocked_email_domains_check CHECK (((cardinality(blocked_email_domains) <= 1000) AND (array_position(blocked_email_domains, NULL::text) IS NULL))),
    CONSTRAINT settings_challenge_retention_check CHECK (((challenge_retention >= '25:00:00'::interval) AND (challenge_retention <= '3650 days'::interval))),
    CONSTRAINT settings_expired_block_retention_check CHECK (((expired_block_retention >= '01:00:00'::interval) AND (expired_block_retention <= '3650 days'::interval))),
    CONSTRAINT settings_known_network_retention_check CHECK (((known_network_retention >= '90 days'::interval) AND (known_network_retention <= '3650 days'::interval))),
    CONSTRAINT settings_max_prompt_tokens_check CHECK (((max_prompt_tokens >= 1000) AND (max_prompt_tokens <= 1000000))),
    CONSTRAINT settings_new_device_notice_check CHECK ((new_device_notice = ANY (ARRAY['off'::text, 'unknown_network'::text, 'every_login'::text]))),
    CONSTRAINT settings_node_join_approval_check CHECK ((node_join_approval = ANY (ARRAY['off'::text, 'on'::text]))),
    CONSTRAINT settings_node_key_shared_policy_check CHECK ((node_key_shared_policy = ANY (ARRAY['report'::text, 'revoke'::text]))),
    CONSTRAINT settings_only_row_check CHECK (only_row),
    CONSTRAINT settings_operator_password_min_length_check CHECK (((operator_password_min_length >= 12) AND (operator_password_min_length <= 128))),
    CONSTRAINT settings_published_version_retention_check CHECK (((published_version_retention >= '30 days'::interval) AND (published_version_retention <= '3650 days'::interval))),
    CONSTRAINT settings_revoked_session_retention_check CHECK (((revoked_session_retention >= '30 days'::interval) AND (revoked_session_retention <= '3650 days'::interval))),
    CONSTRAINT settings_secret_versions_kept_check CHECK (((secret_versions_kept >= 2) AND (secret_versions_kept <= 100))),
    CONSTRAINT settings_session_idle_age_check CHECK (((session_idle_age >= '7 days'::interval) AND (session_idle_age <= '365 days'::interval))),
    CONSTRAINT settings_session_limit_check CHECK (((session_limit >= 0) AND (session_limit <= 10000))),
    CONSTRAINT settings_session_limit_policy_check CHECK ((session_limit_policy = ANY (ARRAY['reject'::text, 'revoke_oldest'::text]))),
    CONSTRAINT settings_session_max_age_check CHECK (((session_max_age >= '00:01:00'::interval) AND (session_max_age <= '3650 days'::interval))),
    CONSTRAINT settings_sign_up_check CHECK ((sign_up = ANY (ARRAY['open'::text, 'invited'::text, 'closed'::text])))
);

CREATE TABLE authsession.settings_changes (
    settings_change_id bigint NOT NULL,
    changed_at timestamp with time zone DEFAULT authsession.clock_now() NOT NULL,
    version bigint NOT NULL,
    name text NOT NULL,
    old_value text NOT NULL,
    new_value text NOT NULL,
    actor_type text NOT NULL,
    actor_id text
);

ALTER TABLE authsession.settings_changes ALTER COLUMN settings_change_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME authsession.settings_changes_settings_change_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE authsession.subject_activations (
    activation_id bigint NOT NULL,
    subject_id text NOT NULL,
    version integer,
    previous_version integer,
    percent smallint DEFAULT 100 NOT NULL,
    activated_by text NOT NULL,
    activated_at timestamp with time zone NOT NULL,
    note text,
    CONSTRAINT subject_activations_note_check CHECK ((length(note) <= 500)),
    CONSTRAINT subject_activations_percent_check CHECK (((percent >= 1) AND (percent <= 100))),
    CONSTRAINT subject_activations_previous_version_check CHECK ((previous_version > 0)),
    CONSTRAINT subject_activations_version_check CHECK ((version > 0))
);

ALTER TABLE authsession.subject_activations ALTER COLUMN activation_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME authsession.subject_activations_activation_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE authsession.subject_version_secrets (
    subject_id text NOT NULL,
    version integer NOT NULL,
    secret_id text NOT NULL
);

CREATE TABLE authsession.subject_versions (
    subject_id text NOT NULL,
    version integer NOT NULL,
    revision bigint NOT NULL,
    pools text[] NOT NULL,
    draft jsonb NOT NULL,
    document bytea NOT NULL,
    digest bytea NOT NULL,
    note text,
    created_by text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT subject_versions_digest_check CHECK ((octet_length(digest) = 32)),
    CONSTRAINT subject_versions_document_check CHECK ((octet_length(document) <= 1048576)),
    CONSTRAINT subject_versions_note_check CHECK ((length(note) <= 500)),
    CONSTRAINT subject_versions_version_check CHECK ((version > 0))
);

CREATE TABLE authsession.subjects (
    subject_id text NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    pools text[] NOT NULL,
    draft jsonb NOT NULL,
    revision bigint NOT NULL,
    field_revisions jsonb DEFAULT '{}'::jsonb NOT NULL,
    published_revision bigint DEFAULT 0 NOT NULL,
    last_version integer DEFAULT 0 NOT NULL,
    active_version integer,
    paused_at timestamp with time zone,
    archived_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT subjects_check CHECK (((active_version >= 1) AND (active_version <= last_version))),
    CONSTRAINT subjects_check1 CHECK (((archived_at IS NULL) OR (active_version IS NULL))),
    CONSTRAINT subjects_kind_check CHECK ((kind ~ '^[a-z_]{1,32}$'::text)),
    CONSTRAINT subjects_name_check CHECK ((name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'::text)),
    CONSTRAINT subjects_revision_check CHECK ((revision > 0))
)
WITH (fillfactor='70');

ALTER TABLE authsession.user_block_orders ALTER COLUMN order_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME authsession.user_block_orders_order_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE ONLY authsession.api_tokens
    ADD CONSTRAINT api_tokens_pkey PRIMARY KEY (token_id);

ALTER TABLE ONLY authsession.audit_checkpoint
    ADD CONSTRAINT audit_checkpoint_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY authsession.audit_events
    ADD CONSTRAINT audit_events_pkey PRIMARY KEY (audit_id);

ALTER TABLE ONLY authsession.audit_seal
    ADD CONSTRAINT audit_seal_pkey PRIMARY KEY (seq);

ALTER TABLE ONLY authsession.audit_sealer
    ADD CONSTRAINT audit_sealer_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY authsession.blocks
    ADD CONSTRAINT blocks_email_id_key UNIQUE (email_id);

ALTER TABLE ONLY authsession.blocks
    ADD CONSTRAINT blocks_pkey PRIMARY KEY (block_id);

ALTER TABLE ONLY authsession.blocks
    ADD CONSTRAINT blocks_user_id_key UNIQUE (user_id);

ALTER TABLE ONLY authsession.challenges
    ADD CONSTRAINT challenges_pkey PRIMARY KEY (challenge_id);

ALTER TABLE authsession.challenges
    ADD CONSTRAINT challenges_times CHECK (((created_at >= '2000-01-01 00:00:00+00'::timestamp with time zone) AND (created_at <= '9999-01-01 00:00:00+00'::timestamp with time zone) AND (expires_at >= '2000-01-01 00:00:00+00'::timestamp with time zone) AND (expires_at <= '9999-01-01 00:00:00+00'::timestamp with time zone) AND (confirmed_at >= '2000-01-01 00:00:00+00'::timestamp with time zone) AND (confirmed_at <= '9999-01-01 00:00:00+00'::timestamp with time zone))) NOT VALID;

ALTER TABLE ONLY authsession.config_documents
    ADD CONSTRAINT config_documents_pkey PRIMARY KEY (manifest_digest, document_digest);

ALTER TABLE ONLY authsession.config_heads
    ADD CONSTRAINT config_heads_pkey PRIMARY KEY (pool);

ALTER TABLE ONLY authsession.config_manifests
    ADD CONSTRAINT config_manifests_pkey PRIMARY KEY (digest);

ALTER TABLE ONLY authsession.config_secrets
    ADD CONSTRAINT config_secrets_pkey PRIMARY KEY (manifest_digest, secret_id, reader);

ALTER TABLE ONLY authsession.connection_defaults
    ADD CONSTRAINT connection_defaults_pkey PRIMARY KEY (connection_key);

ALTER TABLE ONLY authsession.connection_health
    ADD CONSTRAINT connection_health_pkey PRIMARY KEY (health_id);

ALTER TABLE ONLY authsession.connection_revisions
    ADD CONSTRAINT connection_revisions_pkey PRIMARY KEY (connection_id, revision);

ALTER TABLE ONLY authsession.connection_states
    ADD CONSTRAINT connection_states_pkey PRIMARY KEY (connection_id);

ALTER TABLE ONLY authsession.connections
    ADD CONSTRAINT connections_name_key UNIQUE (name);

ALTER TABLE ONLY authsession.connections
    ADD CONSTRAINT connections_pkey PRIMARY KEY (connection_id);

ALTER TABLE ONLY authsession.device_sessions
    ADD CONSTRAINT device_sessions_challenge_id_key UNIQUE (challenge_id);

ALTER TABLE ONLY authsession.device_sessions
    ADD CONSTRAINT device_sessions_login_code_id_key UNIQUE (login_code_id);

ALTER TABLE ONLY authsession.device_sessions
    ADD CONSTRAINT device_sessions_pkey PRIMARY KEY (device_session_id);

ALTER TABLE authsession.device_sessions
    ADD CONSTRAINT device_sessions_times CHECK (((created_at >= '2000-01-01 00:00:00+00'::timestamp with time zone) AND (created_at <= '9999-01-01 00:00:00+00'::timestamp with time zone) AND (revoked_at >= '2000-01-01 00:00:00+00'::timestamp with time zone) AND (revoked_at <= '9999-01-01 00:00:00+00'::timestamp with time zone))) NOT VALID;

ALTER TABLE ONLY authsession.domain_revocations
    ADD CONSTRAINT domain_revocations_pkey PRIMARY KEY (domain);

ALTER TABLE ONLY authsession.emails
    ADD CONSTRAINT emails_folded_key UNIQUE (folded);

ALTER TABLE ONLY authsession.emails
    ADD CONSTRAINT emails_pkey PRIMARY KEY (email_id);

ALTER TABLE authsession.emails
    ADD CONSTRAINT emails_times CHECK (((created_at >= '2000-01-01 00:00:00+00'::timestamp with time zone) AND (created_at <= '9999-01-01 00:00:00+00'::timestamp with time zone))) NOT VALID;

ALTER TABLE ONLY authsession.idempotency_keys
    ADD CONSTRAINT idempotency_keys_pkey PRIMARY KEY (caller, key_hash);

ALTER TABLE ONLY authsession.invitations
    ADD CONSTRAINT invitations_email_id_key UNIQUE (email_id);

ALTER TABLE ONLY authsession.invitations
    ADD CONSTRAINT invitations_pkey PRIMARY KEY (invitation_id);

ALTER TABLE ONLY authsession.known_networks
    ADD CONSTRAINT known_networks_pkey PRIMARY KEY (email_id, network_tag);

ALTER TABLE authsession.known_networks
    ADD CONSTRAINT known_networks_times CHECK (((confirmed_at >= '2000-01-01 00:00:00+00'::timestamp with time zone) AND (confirmed_at <= '9999-01-01 00:00:00+00'::timestamp with time zone))) NOT VALID;

ALTER TABLE ONLY authsession.last_use_reports
    ADD CONSTRAINT last_use_reports_pkey PRIMARY KEY (is_one);

ALTER TABLE ONLY authsession.leases
    ADD CONSTRAINT leases_pkey PRIMARY KEY (name);

ALTER TABLE ONLY authsession.letters
    ADD CONSTRAINT letters_pkey PRIMARY KEY (letter_id);

ALTER TABLE authsession.letters
    ADD CONSTRAINT letters_times CHECK (((queued_at >= '2000-01-01 00:00:00+00'::timestamp with time zone) AND (queued_at <= '9999-01-01 00:00:00+00'::timestamp with time zone) AND (next_attempt_at >= '2000-01-01 00:00:00+00'::timestamp with time zone) AND (next_attempt_at <= '9999-01-01 00:00:00+00'::timestamp with time zone) AND (expires_at >= '2000-01-01 00:00:00+00'::timestamp with time zone) AND (expires_at <= '9999-01-01 00:00:00+00'::timestamp with time zone) AND (finished_at >= '2000-01-01 00:00:00+00'::timestamp with time zone) AND (finished_at <= '9999-01-01 00:00:00+00'::timestamp with time zone))) NOT VALID;

ALTER TABLE ONLY authsession.login_codes
    ADD CONSTRAINT login_codes_pkey PRIMARY KEY (login_code_id);

ALTER TABLE authsession.login_codes
    ADD CONSTRAINT login_codes_times CHECK (((created_at >= '2000-01-01 00:00:00+00'::timestamp with time zone) AND (created_at <= '9999-01-01 00:00:00+00'::timestamp with time zone) AND (expires_at >= '2000-01-01 00:00:00+00'::timestamp with time zone) AND (expires_at <= '9999-01-01 00:00:00+00'::timestamp with time zone) AND (ended_at >= '2000-01-01 00:00:00+00'::timestamp with time zone) AND (ended_at <= '9999-01-01 00:00:00+00'::timestamp with time zone))) NOT VALID;

ALTER TABLE ONLY authsession.mail_connection
    ADD CONSTRAINT mail_connection_pkey PRIMARY KEY (is_one);

ALTER TABLE ONLY authsession.mail_deliveries
    ADD CONSTRAINT mail_deliveries_challenge_id_key UNIQUE (challenge_id);

ALTER TABLE ONLY authsession.mail_deliveries
    ADD CONSTRAINT mail_deliveries_pkey PRIMARY KEY (delivery_id);

ALTER TABLE authsession.mail_deliveries
    ADD CONSTRAINT mail_deliveries_times CHECK (((queued_at >= '2000-01-01 00:00:00+00'::timestamp with time zone) AND (queued_at <= '9999-01-01 00:00:00+00'::timestamp with time zone) AND (next_attempt_at >= '2000-01-01 00:00:00+00'::timestamp with time zone) AND (next_attempt_at <= '9999-01-01 00:00:00+00'::timestamp with time zone) AND (finished_at >= '2000-01-01 00:00:00+00'::timestamp with time zone) AND (finished_at <= '9999-01-01 00:00:00+00'::timestamp with time zone))) NOT VALID;

ALTER TABLE ONLY authsession.node_join_tokens
    ADD CONSTRAINT node_join_tokens_pkey PRIMARY KEY (join_token_id);

ALTER TABLE ONLY authsession.node_keys
    ADD CONSTRAINT node_keys_node_id_generation_key UNIQUE (node_id, generation);

ALTER TABLE ONLY authsession.node_keys
    ADD CONSTRAINT node_keys_pkey PRIMARY KEY (public_key);

ALTER TABLE ONLY authsession.node_pools
    ADD CONSTRAINT node_pools_pkey PRIMARY KEY (pool);

ALTER TABLE ONLY authsession.node_redis_users
    ADD CONSTRAINT node_redis_users_pkey PRIMARY KEY (node_id);

ALTER TABLE ONLY authsession.node_states
    ADD CONSTRAINT node_states_pkey PRIMARY KEY (node_id);

ALTER TABLE ONLY authsession.nodes
    ADD CONSTRAINT nodes_pkey PRIMARY KEY (node_id);

ALTER TABLE ONLY authsession.onboarding_steps
    ADD CONSTRAINT onboarding_steps_pkey PRIMARY KEY (step);

ALTER TABLE ONLY authsession.operator_sessions
    ADD CONSTRAINT operator_sessions_pkey PRIMARY KEY (operator_session_id);

ALTER TABLE ONLY authsession.operators
    ADD CONSTRAINT operators_pkey PRIMARY KEY (operator_id);

ALTER TABLE ONLY authsession.owner_setup
    ADD CONSTRAINT owner_setup_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY authsession.projection_conflicts
    ADD CONSTRAINT projection_conflicts_pkey PRIMARY KEY (device_session_id);

ALTER TABLE authsession.projection_conflicts
    ADD CONSTRAINT projection_conflicts_times CHECK (((noted_at >= '2000-01-01 00:00:00+00'::timestamp with time zone) AND (noted_at <= '9999-01-01 00:00:00+00'::timestamp with time zone))) NOT VALID;

ALTER TABLE ONLY authsession.projection_guard
    ADD CONSTRAINT projection_guard_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY authsession.projection_keeper
    ADD CONSTRAINT projection_keeper_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY authsession.projection_outbox
    ADD CONSTRAINT projection_outbox_pkey PRIMARY KEY (outbox_id);

ALTER TABLE authsession.projection_outbox
    ADD CONSTRAINT projection_outbox_times CHECK (((enqueued_at >= '2000-01-01 00:00:00+00'::timestamp with time zone) AND (enqueued_at <= '9999-01-01 00:00:00+00'::timestamp with time zone) AND (available_at >= '2000-01-01 00:00:00+00'::timestamp with time zone) AND (available_at <= '9999-01-01 00:00:00+00'::timestamp with time zone))) NOT VALID;

ALTER TABLE ONLY authsession.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (version);

ALTER TABLE ONLY authsession.secret_grants
    ADD CONSTRAINT secret_grants_pkey PRIMARY KEY (secret_id, grantee_kind, grantee_id);

ALTER TABLE ONLY authsession.secret_opens
    ADD CONSTRAINT secret_opens_pkey PRIMARY KEY (secret_id);

ALTER TABLE ONLY authsession.secret_versions
    ADD CONSTRAINT secret_versions_pkey PRIMARY KEY (secret_id, version);

ALTER TABLE ONLY authsession.secrets
    ADD CONSTRAINT secrets_pkey PRIMARY KEY (secret_id);

ALTER TABLE ONLY authsession.session_last_seen
    ADD CONSTRAINT session_last_seen_pkey PRIMARY KEY (device_session_id);

ALTER TABLE ONLY authsession.session_notices
    ADD CONSTRAINT session_notices_device_session_id_key UNIQUE (device_session_id);

ALTER TABLE ONLY authsession.session_notices
    ADD CONSTRAINT session_notices_pkey PRIMARY KEY (notice_id);

ALTER TABLE ONLY authsession.session_notices
    ADD CONSTRAINT session_notices_token_hash_key UNIQUE (token_hash);

ALTER TABLE ONLY authsession.session_orders
    ADD CONSTRAINT session_orders_pkey PRIMARY KEY (order_id);

ALTER TABLE ONLY authsession.settings_changes
    ADD CONSTRAINT settings_changes_pkey PRIMARY KEY (settings_change_id);

ALTER TABLE ONLY authsession.settings
    ADD CONSTRAINT settings_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY authsession.subject_activations
    ADD CONSTRAINT subject_activations_pkey PRIMARY KEY (activation_id);

ALTER TABLE ONLY authsession.subject_version_secrets
    ADD CONSTRAINT subject_version_secrets_pkey PRIMARY KEY (subject_id, version, secret_id);

ALTER TABLE ONLY authsession.subject_versions
    ADD CONSTRAINT subject_versions_pkey PRIMARY KEY (subject_id, version);

ALTER TABLE ONLY authsession.subjects
    ADD CONSTRAINT subjects_pkey PRIMARY KEY (subject_id);

ALTER TABLE ONLY authsession.user_block_orders
    ADD CONSTRAINT user_block_orders_email_id_key UNIQUE (email_id);

ALTER TABLE ONLY authsession.user_block_orders
    ADD CONSTRAINT user_block_orders_pkey PRIMARY KEY (order_id);

ALTER TABLE ONLY authsession.user_block_orders
    ADD CONSTRAINT user_block_orders_user_id_key UNIQUE (user_id);

ALTER TABLE ONLY authsession.users
    ADD CONSTRAINT users_email_key UNIQUE (email);

ALTER TABLE ONLY authsession.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (user_id);

ALTER TABLE authsession.users
    ADD CONSTRAINT users_times CHECK (((created_at >= '2000-01-01 00:00:00+00'::timestamp with time zone) AND (created_at <= '9999-01-01 00:00:00+00'::timestamp with time zone))) NOT VALID;

CREATE INDEX api_tokens_expires_at ON authsession.api_tokens USING btree (expires_at);

CREATE INDEX api_tokens_of_operator ON authsession.api_tokens USING btree (created_by) WHERE (revoked_at IS NULL);

CREATE UNIQUE INDEX api_tokens_token_hash ON authsession.api_tokens USING btree (token_hash);

CREATE INDEX audit_events_actor ON authsession.audit_events USING btree (actor_id, occurred_at, audit_id) WHERE (actor_id IS NOT NULL);

CREATE INDEX audit_events_caller ON authsession.audit_events USING btree (caller, occurred_at, audit_id) WHERE (caller <> 'public'::text);

CREATE INDEX audit_events_event ON authsession.audit_events USING btree (event, occurred_at, audit_id);

CREATE INDEX audit_events_subject ON authsession.audit_events USING btree (subject, occurred_at, audit_id);

CREATE INDEX audit_events_time ON authsession.audit_events USING btree (occurred_at, audit_id);

CREATE UNIQUE INDEX audit_seal_audit_id ON authsession.audit_seal USING btree (audit_id);

CREATE INDEX blocks_expires_at ON authsession.blocks USING btree (expires_at) WHERE (expires_at IS NOT NULL);

CREATE INDEX challenges_confirmed ON authsession.challenges USING btree (email_id, confirmed_at) WHERE (confirmed_at IS NOT NULL);

CREATE UNIQUE INDEX challenges_confirmed_code ON authsession.challenges USING btree (login_code_id) WHERE (confirmed_at IS NOT NULL);

CREATE INDEX challenges_created_at ON authsession.challenges USING btree (created_at);

CREATE INDEX challenges_email ON authsession.challenges USING btree (email_id, state, expires_at);

CREATE INDEX challenges_evaluated ON authsession.challenges USING btree (email_id, expires_at) WHERE ((evaluated > 0) AND (attempts > 0));

CREATE INDEX challenges_login_code_id ON authsession.challenges USING btree (login_code_id);

CREATE INDEX challenges_withheld ON authsession.challenges USING btree (email_id, network_tag, expires_at) WHERE (login_code_id IS NULL);

CREATE INDEX config_documents_of_version ON authsession.config_documents USING btree (subject_id, version);

CREATE INDEX config_manifests_of_pool ON authsession.config_manifests USING btree (pool);

CREATE INDEX config_secrets_of_secret ON authsession.config_secrets USING btree (secret_id);

CREATE INDEX connection_defaults_of_connection ON authsession.connection_defaults USING btree (connection_id);

CREATE INDEX connection_health_checked_at ON authsession.connection_health USING btree (checked_at);

CREATE INDEX connection_health_of_connection ON authsession.connection_health USING btree (connection_id, health_id DESC);

CREATE INDEX connection_states_next_probe_at ON authsession.connection_states USING btree (next_probe_at);

CREATE INDEX device_sessions_active ON authsession.device_sessions USING btree (created_at, device_session_id) WHERE (status = 'active'::text);

CREATE INDEX device_sessions_active_user ON authsession.device_sessions USING btree (user_id, created_at) WHERE (status = 'active'::text);

CREATE INDEX device_sessions_revoked ON authsession.device_sessions USING btree (revoked_at, device_session_id) WHERE (status = 'revoked'::text);

CREATE INDEX device_sessions_user ON authsession.device_sessions USING btree (user_id, created_at DESC, device_session_id);

CREATE INDEX emails_domain ON authsession.emails USING btree (split_part(folded, '@'::text, 2), email_id);

CREATE INDEX idempotency_keys_created_at ON authsession.idempotency_keys USING btree (created_at);

CREATE INDEX invitations_expires_at ON authsession.invitations USING btree (expires_at);

CREATE INDEX known_networks_confirmed_at ON authsession.known_networks USING btree (confirmed_at);

CREATE INDEX letters_due ON authsession.letters USING btree (next_attempt_at) WHERE (state = 'queued'::text);

CREATE INDEX letters_of_email ON authsession.letters USING btree (email_id, queued_at);

CREATE INDEX letters_of_session ON authsession.letters USING btree (device_session_id) WHERE (device_session_id IS NOT NULL);

CREATE INDEX letters_queued_at ON authsession.letters USING btree (queued_at);

CREATE INDEX login_codes_email ON authsession.login_codes USING btree (email_id, ended_at, expires_at);

CREATE INDEX login_codes_expires_at ON authsession.login_codes USING btree (expires_at);

CREATE INDEX login_codes_sealed ON authsession.login_codes USING btree (expires_at) WHERE (sealed_code IS NOT NULL);

CREATE INDEX mail_deliveries_due ON authsession.mail_deliveries USING btree (next_attempt_at) WHERE (state = 'queued'::text);

CREATE INDEX mail_deliveries_email ON authsession.mail_deliveries USING btree (email_id, state, queued_at);

CREATE INDEX mail_deliveries_login_code_id ON authsession.mail_deliveries USING btree (login_code_id);

CREATE INDEX mail_deliveries_mailbox ON authsession.mail_deliveries USING btree (mailbox, state, queued_at) WHERE (mailbox IS NOT NULL);

CREATE INDEX mail_deliveries_new_address ON authsession.mail_deliveries USING btree (network_tag, queued_at) WHERE to_new_address;

CREATE INDEX node_join_tokens_expires_at ON authsession.node_join_tokens USING btree (expires_at);

CREATE INDEX nodes_active_of_pool ON authsession.nodes USING btree (pool, node_id) WHERE (status = 'active'::text);

CREATE UNIQUE INDEX nodes_name ON authsession.nodes USING btree (pool, node_name) WHERE (status <> 'revoked'::text);

CREATE INDEX nodes_of_join_token ON authsession.nodes USING btree (join_token_id) WHERE (join_token_id IS NOT NULL);

CREATE INDEX nodes_revoked_at ON authsession.nodes USING btree (revoked_at) WHERE (revoked_at IS NOT NULL);

CREATE INDEX operator_sessions_expires_at ON authsession.operator_sessions USING btree (expires_at);

CREATE INDEX operator_sessions_of_operator ON authsession.operator_sessions USING btree (operator_id, created_at DESC) WHERE (revoked_at IS NULL);

CREATE UNIQUE INDEX operator_sessions_token_hash ON authsession.operator_sessions USING btree (token_hash);

CREATE UNIQUE INDEX operators_one_owner ON authsession.operators USING btree (is_owner) WHERE is_owner;

CREATE UNIQUE INDEX operators_user_name ON authsession.operators USING btree (user_name);

CREATE INDEX projection_outbox_available ON authsession.projection_outbox USING btree (available_at);

CREATE INDEX secret_grants_of_grantee ON authsession.secret_grants USING btree (grantee_kind, grantee_id);

CREATE INDEX secret_versions_key_id ON authsession.secret_versions USING btree (key_id) WHERE (state <> 'destroyed'::text);

CREATE INDEX secret_versions_living ON authsession.secret_versions USING btree (secret_id, version) WHERE (state <> 'destroyed'::text);

CREATE INDEX secrets_deleted_at ON authsession.secrets USING btree (deleted_at) WHERE (deleted_at IS NOT NULL);

CREATE UNIQUE INDEX secrets_name ON authsession.secrets USING btree (scope_kind, scope_id, name) WHERE (deleted_at IS NULL);

CREATE INDEX session_notices_created_at ON authsession.session_notices USING btree (created_at);

CREATE UNIQUE INDEX session_orders_of_request ON authsession.session_orders USING btree (device_session_id, request_id);

CREATE INDEX session_orders_of_token ON authsession.session_orders USING btree (token_hash) WHERE (token_hash IS NOT NULL);

CREATE INDEX session_orders_received_at ON authsession.session_orders USING btree (received_at);

CREATE INDEX session_orders_unpublished ON authsession.session_orders USING btree (decided_at) WHERE ((outcome IS NOT NULL) AND (published_at IS NULL));

CREATE INDEX session_orders_waiting ON authsession.session_orders USING btree (order_id) WHERE (outcome IS NULL);

CREATE INDEX subject_activations_activated_at ON authsession.subject_activations USING btree (activated_at);

CREATE INDEX subject_activations_of_subject ON authsession.subject_activations USING btree (subject_id, activation_id DESC);

CREATE INDEX subject_version_secrets_of_secret ON authsession.subject_version_secrets USING btree (secret_id);

CREATE INDEX subject_versions_created_at ON authsession.subject_versions USING btree (created_at);

CREATE UNIQUE INDEX subjects_name ON authsession.subjects USING btree (kind, name) WHERE (archived_at IS NULL);

CREATE INDEX user_block_orders_due ON authsession.user_block_orders USING btree (next_attempt_at);

CREATE INDEX users_email_id ON authsession.users USING btree (email_id);

CREATE TRIGGER agent_session_is_not_public BEFORE INSERT ON authsession.device_sessions FOR EACH ROW WHEN (((SESSION_USER = 'authsession_public'::name) AND ((new.login_code_id IS NULL) OR (new.challenge_id IS NULL)))) EXECUTE FUNCTION authsession.agent_session_is_not_public();

CREATE TRIGGER audited_by_public BEFORE INSERT ON authsession.audit_events FOR EACH ROW WHEN (((SESSION_USER = 'authsession_public'::name) AND (new.caller <> 'public'::text))) EXECUTE FUNCTION authsession.audited_by_public();

CREATE TRIGGER challenge_transition BEFORE UPDATE OF state ON authsession.challenges FOR EACH ROW EXECUTE FUNCTION authsession.challenge_transition();

CREATE TRIGGER device_session_only_revoked BEFORE UPDATE ON authsession.device_sessions FOR EACH ROW EXECUTE FUNCTION authsession.device_session_only_revoked();

CREATE TRIGGER keeper_is_internal BEFORE UPDATE ON authsession.projection_keeper FOR EACH ROW WHEN ((SESSION_USER = 'authsession_public'::name)) EXECUTE FUNCTION authsession.keeper_is_internal();

CREATE TRIGGER notice_is_of_new_session BEFORE INSERT ON authsession.session_notices FOR EACH ROW WHEN ((SESSION_USER = 'authsession_public'::name)) EXECUTE FUNCTION authsession.notice_is_of_new_session();

CREATE TRIGGER session_opens_now BEFORE INSERT ON authsession.device_sessions FOR EACH ROW WHEN (((SESSION_USER = 'authsession_public'::name) AND ((new.created_at < (clock_timestamp() - '00:01:00'::interval)) OR (new.created_at > (clock_timestamp() + '00:01:00'::interval))))) EXECUTE FUNCTION authsession.session_opens_now();

CREATE TRIGGER session_order_received BEFORE INSERT ON authsession.session_orders FOR EACH ROW EXECUTE FUNCTION authsession.session_order_received();

CREATE TRIGGER version_never_changes BEFORE UPDATE ON authsession.subject_versions FOR EACH ROW EXECUTE FUNCTION authsession.version_never_changes();

ALTER TABLE ONLY authsession.api_tokens
    ADD CONSTRAINT api_tokens_created_by_fkey FOREIGN KEY (created_by) REFERENCES authsession.operators(operator_id);

ALTER TABLE ONLY authsession.blocks
    ADD CONSTRAINT blocks_email_id_fkey FOREIGN KEY (email_id) REFERENCES authsession.emails(email_id);

ALTER TABLE ONLY authsession.challenges
    ADD CONSTRAINT challenges_email_id_fkey FOREIGN KEY (email_id) REFERENCES authsession.emails(email_id);

ALTER TABLE ONLY authsession.challenges
    ADD CONSTRAINT challenges_login_code_id_fkey FOREIGN KEY (login_code_id) REFERENCES authsession.login_codes(login_code_id);

ALTER TABLE ONLY authsession.config_documents
    ADD CONSTRAINT config_documents_manifest_digest_fkey FOREIGN KEY (manifest_digest) REFERENCES authsession.config_manifests(digest) ON DELETE CASCADE;

ALTER TABLE ONLY authsession.config_documents
    ADD CONSTRAINT config_documents_subject_id_version_fkey FOREIGN KEY (subject_id, version) REFERENCES authsession.subject_versions(subject_id, version);

ALTER TABLE ONLY authsession.config_heads
    ADD CONSTRAINT config_heads_digest_fkey FOREIGN KEY (digest) REFERENCES authsession.config_manifests(digest);

ALTER TABLE ONLY authsession.config_heads
    ADD CONSTRAINT config_heads_pool_fkey FOREIGN KEY (pool) REFERENCES authsession.node_pools(pool);

ALTER TABLE ONLY authsession.config_heads
    ADD CONSTRAINT config_heads_stable_digest_fkey FOREIGN KEY (stable_digest) REFERENCES authsession.config_manifests(digest);

ALTER TABLE ONLY authsession.config_manifests
    ADD CONSTRAINT config_manifests_pool_fkey FOREIGN KEY (pool) REFERENCES authsession.node_pools(pool);

ALTER TABLE ONLY authsession.config_secrets
    ADD CONSTRAINT config_secrets_manifest_digest_fkey FOREIGN KEY (manifest_digest) REFERENCES authsession.config_manifests(digest) ON DELETE CASCADE;

ALTER TABLE ONLY authsession.config_secrets
    ADD CONSTRAINT config_secrets_secret_id_fkey FOREIGN KEY (secret_id) REFERENCES authsession.secrets(secret_id);

ALTER TABLE ONLY authsession.connection_defaults
    ADD CONSTRAINT connection_defaults_connection_id_fkey FOREIGN KEY (connection_id) REFERENCES authsession.connections(connection_id);

ALTER TABLE ONLY authsession.connection_health
    ADD CONSTRAINT connection_health_connection_id_fkey FOREIGN KEY (connection_id) REFERENCES authsession.connections(connection_id) ON DELETE CASCADE;

ALTER TABLE ONLY authsession.connection_revisions
    ADD CONSTRAINT connection_revisions_connection_id_fkey FOREIGN KEY (connection_id) REFERENCES authsession.connections(connection_id) ON DELETE CASCADE;

ALTER TABLE ONLY authsession.connection_states
    ADD CONSTRAINT connection_states_connection_id_fkey FOREIGN KEY (connection_id) REFERENCES authsession.connections(connection_id) ON DELETE CASCADE;

ALTER TABLE ONLY authsession.invitations
    ADD CONSTRAINT invitations_email_id_fkey FOREIGN KEY (email_id) REFERENCES authsession.emails(email_id);

ALTER TABLE ONLY authsession.known_networks
    ADD CONSTRAINT known_networks_email_id_fkey FOREIGN KEY (email_id) REFERENCES authsession.emails(email_id) ON DELETE CASCADE;

ALTER TABLE ONLY authsession.letters
    ADD CONSTRAINT letters_device_session_id_fkey FOREIGN KEY (device_session_id) REFERENCES authsession.device_sessions(device_session_id) ON DELETE CASCADE;

ALTER TABLE ONLY authsession.letters
    ADD CONSTRAINT letters_email_id_fkey FOREIGN KEY (email_id) REFERENCES authsession.emails(email_id);

ALTER TABLE ONLY authsession.login_codes
    ADD CONSTRAINT login_codes_email_id_fkey FOREIGN KEY (email_id) REFERENCES authsession.emails(email_id);

ALTER TABLE ONLY authsession.mail_deliveries
    ADD CONSTRAINT mail_deliveries_challenge_id_fkey FOREIGN KEY (challenge_id) REFERENCES authsession.challenges(challenge_id) ON DELETE CASCADE;

ALTER TABLE ONLY authsession.mail_deliveries
    ADD CONSTRAINT mail_deliveries_email_id_fkey FOREIGN KEY (email_id) REFERENCES authsession.emails(email_id);

ALTER TABLE ONLY authsession.mail_deliveries
    ADD CONSTRAINT mail_deliveries_login_code_id_fkey FOREIGN KEY (login_code_id) REFERENCES authsession.login_codes(login_code_id);

ALTER TABLE ONLY authsession.node_join_tokens
    ADD CONSTRAINT node_join_tokens_pool_fkey FOREIGN KEY (pool) REFERENCES authsession.node_pools(pool);

ALTER TABLE ONLY authsession.node_keys
    ADD CONSTRAINT node_keys_node_id_fkey FOREIGN KEY (node_id) REFERENCES authsession.nodes(node_id);

ALTER TABLE ONLY authsession.node_redis_users
    ADD CONSTRAINT node_redis_users_node_id_fkey FOREIGN KEY (node_id) REFERENCES authsession.nodes(node_id);

ALTER TABLE ONLY authsession.node_states
    ADD CONSTRAINT node_states_node_id_fkey FOREIGN KEY (node_id) REFERENCES authsession.nodes(node_id);

ALTER TABLE ONLY authsession.nodes
    ADD CONSTRAINT nodes_pool_fkey FOREIGN KEY (pool) REFERENCES authsession.node_pools(pool);

ALTER TABLE ONLY authsession.onboarding_steps
    ADD CONSTRAINT onboarding_steps_operator_id_fkey FOREIGN KEY (operator_id) REFERENCES authsession.operators(operator_id);

ALTER TABLE ONLY authsession.operator_sessions
    ADD CONSTRAINT operator_sessions_operator_id_fkey FOREIGN KEY (operator_id) REFERENCES authsession.operators(operator_id);

ALTER TABLE ONLY authsession.secret_grants
    ADD CONSTRAINT secret_grants_secret_id_fkey FOREIGN KEY (secret_id) REFERENCES authsession.secrets(secret_id);

ALTER TABLE ONLY authsession.secret_opens
    ADD CONSTRAINT secret_opens_secret_id_fkey FOREIGN KEY (secret_id) REFERENCES authsession.secrets(secret_id);

ALTER TABLE ONLY authsession.secret_versions
    ADD CONSTRAINT secret_versions_secret_id_fkey FOREIGN KEY (secret_id) REFERENCES authsession.secrets(secret_id);

ALTER TABLE ONLY authsession.session_last_seen
    ADD CONSTRAINT session_last_seen_device_session_id_fkey FOREIGN KEY (device_session_id) REFERENCES authsession.device_sessions(device_session_id) ON DELETE CASCADE;

ALTER TABLE ONLY authsession.session_notices
    ADD CONSTRAINT session_notices_device_session_id_fkey FOREIGN KEY (device_session_id) REFERENCES authsession.device_sessions(device_session_id) ON DELETE CASCADE;

ALTER TABLE ONLY authsession.subject_activations
    ADD CONSTRAINT subject_activations_subject_id_fkey FOREIGN KEY (subject_id) REFERENCES authsession.subjects(subject_id);

ALTER TABLE ONLY authsession.subject_version_secrets
    ADD CONSTRAINT subject_version_secrets_secret_id_fkey FOREIGN KEY (secret_id) REFERENCES authsession.secrets(secret_id);

ALTER TABLE ONLY authsession.subject_version_secrets
    ADD CONSTRAINT subject_version_secrets_subject_id_version_fkey FOREIGN KEY (subject_id, version) REFERENCES authsession.subject_versions(subject_id, version) ON DELETE CASCADE;

ALTER TABLE ONLY authsession.subject_versions
    ADD CONSTRAINT subject_versions_subject_id_fkey FOREIGN KEY (subject_id) REFERENCES authsession.subjects(subject_id);

ALTER TABLE ONLY authsession.user_block_orders
    ADD CONSTRAINT user_block_orders_email_id_fkey FOREIGN KEY (email_id) REFERENCES authsession.emails(email_id);

ALTER TABLE ONLY authsession.users
    ADD CONSTRAINT users_email_id_fkey FOREIGN KEY (email_id) REFERENCES authsession.emails(email_id);

GRANT USAGE ON SCHEMA authsession TO authsession_public;
GRANT USAGE ON SCHEMA authsession TO authsession_internal;

REVOKE ALL ON FUNCTION authsession.agent_session_is_not_public() FROM PUBLIC;

REVOKE ALL ON FUNCTION authsession.audited_by_public() FROM PUBLIC;

REVOKE ALL ON FUNCTION authsession.challenge_transition() FROM PUBLIC;

REVOKE ALL ON FUNCTION authsession.clock_now() FROM PUBLIC;
GRANT ALL ON FUNCTION authsession.clock_now() TO authsession_public;
GRANT ALL ON FUNCTION authsession.clock_now() TO authsession_internal;

REVOKE ALL ON FUNCTION authsession.comes_before_the_keeper() FROM PUBLIC;
GRANT ALL ON FUNCTION authsession.comes_before_the_keeper() TO authsession_public;
GRANT ALL ON FUNCTION authsession.comes_before_the_keeper() TO authsession_internal;

REVOKE ALL ON FUNCTION authsession.device_session_only_revoked() FROM PUBLIC;

GRANT SELECT ON TABLE authsession.blocks TO authsession_public;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE authsession.blocks TO authsession_internal;

GRANT SELECT,INSERT ON TABLE authsession.challenges TO authsession_public;
GRANT SELECT,DELETE ON TABLE authsession.challenges TO authsession_internal;

GRANT UPDATE(state) ON TABLE authsession.challenges TO authsession_public;

GRANT UPDATE(attempts) ON TABLE authsession.challenges TO authsession_public;

GRANT UPDATE(evaluated) ON TABLE authsession.challenges TO authsession_public;

GRANT UPDATE(confirmed_at) ON TABLE authsession.challenges TO authsession_public;

GRANT SELECT,INSERT,DELETE ON TABLE authsession.invitations TO authsession_internal;

GRANT SELECT(email_id) ON TABLE authsession.invitations TO authsession_public;

GRANT UPDATE(email) ON TABLE authsession.invitations TO authsession_internal;

GRANT UPDATE(created_by) ON TABLE authsession.invitations TO authsession_internal;

GRANT UPDATE(created_at) ON TABLE authsession.invitations TO authsession_internal;

GRANT SELECT(expires_at) ON TABLE authsession.invitations TO authsession_public;
GRANT UPDATE(expires_at) ON TABLE authsession.invitations TO authsession_internal;

GRANT SELECT,INSERT ON TABLE authsession.known_networks TO authsession_public;
GRANT SELECT,DELETE ON TABLE authsession.known_networks TO authsession_internal;

GRANT UPDATE(confirmed_at) ON TABLE authsession.known_networks TO authsession_public;

GRANT SELECT,INSERT ON TABLE authsession.letters TO authsession_public;
GRANT SELECT,INSERT,DELETE ON TABLE authsession.letters TO authsession_internal;

GRANT UPDATE(seal_key_id) ON TABLE authsession.letters TO authsession_public;

GRANT UPDATE(sealed_token) ON TABLE authsession.letters TO authsession_public;

GRANT UPDATE(is_kept) ON TABLE authsession.letters TO authsession_public;

GRANT UPDATE(state) ON TABLE authsession.letters TO authsession_public;

GRANT UPDATE(reason) ON TABLE authsession.letters TO authsession_public;

GRANT UPDATE(attempts) ON TABLE authsession.letters TO authsession_public;

GRANT UPDATE(next_attempt_at) ON TABLE authsession.letters TO authsession_public;

GRANT UPDATE(finished_at) ON TABLE authsession.letters TO authsession_public;

GRANT SELECT,INSERT ON TABLE authsession.login_codes TO authsession_public;
GRANT SELECT,DELETE ON TABLE authsession.login_codes TO authsession_internal;

GRANT UPDATE(sealed_code) ON TABLE authsession.login_codes TO authsession_public;

GRANT UPDATE(seal_key_id) ON TABLE authsession.login_codes TO authsession_public;

GRANT UPDATE(ended_at) ON TABLE authsession.login_codes TO authsession_public;

GRANT SELECT,INSERT ON TABLE authsession.mail_deliveries TO authsession_public;
GRANT SELECT ON TABLE authsession.mail_deliveries TO authsession_internal;

GRANT UPDATE(state) ON TABLE authsession.mail_deliveries TO authsession_public;

GRANT UPDATE(reason) ON TABLE authsession.mail_deliveries TO authsession_public;

GRANT UPDATE(attempts) ON TABLE authsession.mail_deliveries TO authsession_public;

GRANT UPDATE(next_attempt_at) ON TABLE authsession.mail_deliveries TO authsession_public;

GRANT UPDATE(finished_at) ON TABLE authsession.mail_deliveries TO authsession_public;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE authsession.user_block_orders TO authsession_internal;

GRANT SELECT,INSERT ON TABLE authsession.users TO authsession_public;
GRANT SELECT,DELETE ON TABLE authsession.users TO authsession_internal;

REVOKE ALL ON FUNCTION authsession.email_is_unused(which bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION authsession.email_is_unused(which bigint) TO authsession_internal;

REVOKE ALL ON FUNCTION authsession.end_public_blockers(patience interval) FROM PUBLIC;
GRANT ALL ON FUNCTION authsession.end_public_blockers(patience interval) TO authsession_internal;

REVOKE ALL ON FUNCTION authsession.give_back_lease(which text, by uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION authsession.give_back_lease(which text, by uuid) TO authsession_public;
GRANT ALL ON FUNCTION authsession.give_back_lease(which text, by uuid) TO authsession_internal;

REVOKE ALL ON FUNCTION authsession.is_email_domain_refused(email text, blocked text[], allowed text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION authsession.is_email_domain_refused(email text, blocked text[], allowed text[]) TO authsession_public;
GRANT ALL ON FUNCTION authsession.is_email_domain_refused(email text, blocked text[], allowed text[]) TO authsession_internal;

REVOKE ALL ON FUNCTION authsession.is_invited(which bigint, at timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION authsession.is_invited(which bigint, at timestamp with time zone) TO authsession_public;

REVOKE ALL ON FUNCTION authsession.keeper_is_internal() FROM PUBLIC;

GRANT SELECT,INSERT ON TABLE authsession.last_use_reports TO authsession_internal;

GRANT UPDATE(since) ON TABLE authsession.last_use_reports TO authsession_internal;

GRANT UPDATE(told_at) ON TABLE authsession.last_use_reports TO authsession_internal;

REVOKE ALL ON FUNCTION authsession.last_uses_told_since() FROM PUBLIC;
GRANT ALL ON FUNCTION authsession.last_uses_told_since() TO authsession_internal;

REVOKE ALL ON FUNCTION authsession.may_sign_up(sign_up text, which bigint, at timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION authsession.may_sign_up(sign_up text, which bigint, at timestamp with time zone) TO authsession_public;

REVOKE ALL ON FUNCTION authsession.move_user(which text, to_email_id bigint, to_email text) FROM PUBLIC;
GRANT ALL ON FUNCTION authsession.move_user(which text, to_email_id bigint, to_email text) TO authsession_internal;

REVOKE ALL ON FUNCTION authsession.notice_is_of_new_session() FROM PUBLIC;

GRANT SELECT,DELETE ON TABLE authsession.session_notices TO authsession_internal;

GRANT INSERT(notice_id) ON TABLE authsession.session_notices TO authsession_public;

GRANT INSERT(device_session_id) ON TABLE authsession.session_notices TO authsession_public;

GRANT INSERT(token_hash) ON TABLE authsession.session_notices TO authsession_public;

GRANT INSERT(created_at) ON TABLE authsession.session_notices TO authsession_public;

GRANT UPDATE(used_at) ON TABLE authsession.session_notices TO authsession_internal;

REVOKE ALL ON FUNCTION authsession.notice_stands(which bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION authsession.notice_stands(which bytea) TO authsession_public;

REVOKE ALL ON FUNCTION authsession.owners_clock() FROM PUBLIC;

GRANT SELECT,UPDATE ON TABLE authsession.mail_connection TO authsession_internal;

REVOKE ALL ON FUNCTION authsession.read_mail_connection() FROM PUBLIC;
GRANT ALL ON FUNCTION authsession.read_mail_connection() TO authsession_public;

REVOKE ALL ON FUNCTION authsession.remove_audit_prefix(up_to bigint, expected_chain_mac bytea, with_key_id text, with_mac bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION authsession.remove_audit_prefix(up_to bigint, expected_chain_mac bytea, with_key_id text, with_mac bytea) TO authsession_internal;

GRANT SELECT,INSERT ON TABLE authsession.device_sessions TO authsession_public;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE authsession.device_sessions TO authsession_internal;

REVOKE ALL ON FUNCTION authsession.revoke_oldest_sessions(for_user_id text) FROM PUBLIC;
GRANT ALL ON FUNCTION authsession.revoke_oldest_sessions(for_user_id text) TO authsession_public;

REVOKE ALL ON FUNCTION authsession.session_opens_now() FROM PUBLIC;

REVOKE ALL ON FUNCTION authsession.session_order_received() FROM PUBLIC;

REVOKE ALL ON FUNCTION authsession.take_lease(which text, by uuid, life interval) FROM PUBLIC;
GRANT ALL ON FUNCTION authsession.take_lease(which text, by uuid, life interval) TO authsession_public;
GRANT ALL ON FUNCTION authsession.take_lease(which text, by uuid, life interval) TO authsession_internal;

REVOKE ALL ON FUNCTION authsession.version_never_changes() FROM PUBLIC;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE authsession.api_tokens TO authsession_internal;

GRANT SELECT ON TABLE authsession.audit_checkpoint TO authsession_internal;

GRANT SELECT ON TABLE authsession.audit_events TO authsession_internal;

GRANT INSERT(occurred_at) ON TABLE authsession.audit_events TO authsession_public;
GRANT INSERT(occurred_at) ON TABLE authsession.audit_events TO authsession_internal;

GRANT INSERT(event) ON TABLE authsession.audit_events TO authsession_public;
GRANT INSERT(event) ON TABLE authsession.audit_events TO authsession_internal;

GRANT INSERT(outcome) ON TABLE authsession.audit_events TO authsession_public;
GRANT INSERT(outcome) ON TABLE authsession.audit_events TO authsession_internal;

GRANT INSERT(caller) ON TABLE authsession.audit_events TO authsession_public;
GRANT INSERT(caller) ON TABLE authsession.audit_events TO authsession_internal;

GRANT INSERT(actor_type) ON TABLE authsession.audit_events TO authsession_public;
GRANT INSERT(actor_type) ON TABLE authsession.audit_events TO authsession_internal;

GRANT INSERT(actor_id) ON TABLE authsession.audit_events TO authsession_public;
GRANT INSERT(actor_id) ON TABLE authsession.audit_events TO authsession_internal;

GRANT INSERT(network) ON TABLE authsession.audit_events TO authsession_public;
GRANT INSERT(network) ON TABLE authsession.audit_events TO authsession_internal;

GRANT INSERT(request_id) ON TABLE authsession.audit_events TO authsession_public;
GRANT INSERT(request_id) ON TABLE authsession.audit_events TO authsession_internal;

GRANT INSERT(subject) ON TABLE authsession.audit_events TO authsession_public;
GRANT INSERT(subject) ON TABLE authsession.audit_events TO authsession_internal;

GRANT INSERT(reason_code) ON TABLE authsession.audit_events TO authsession_public;
GRANT INSERT(reason_code) ON TABLE authsession.audit_events TO authsession_internal;

GRANT INSERT(details) ON TABLE authsession.audit_events TO authsession_public;
GRANT INSERT(details) ON TABLE authsession.audit_events TO authsession_internal;

GRANT SELECT,INSERT ON TABLE authsession.audit_seal TO authsession_internal;

GRANT SELECT,UPDATE ON TABLE authsession.audit_sealer TO authsession_internal;

GRANT SELECT,INSERT,DELETE ON TABLE authsession.config_documents TO authsession_internal;

GRANT SELECT,INSERT,UPDATE ON TABLE authsession.config_heads TO authsession_internal;

GRANT SELECT,INSERT,DELETE ON TABLE authsession.config_manifests TO authsession_internal;

GRANT SELECT,INSERT,DELETE ON TABLE authsession.config_secrets TO authsession_internal;

GRANT SELECT,INSERT,DELETE ON TABLE authsession.connection_defaults TO authsession_internal;

GRANT UPDATE(connection_id) ON TABLE authsession.connection_defaults TO authsession_internal;

GRANT UPDATE(changed_by) ON TABLE authsession.connection_defaults TO authsession_internal;

GRANT UPDATE(changed_at) ON TABLE authsession.connection_defaults TO authsession_internal;

GRANT SELECT,INSERT,DELETE ON TABLE authsession.connection_health TO authsession_internal;

GRANT SELECT,INSERT,DELETE ON TABLE authsession.connection_revisions TO authsession_internal;

GRANT UPDATE(result) ON TABLE authsession.connection_revisions TO authsession_internal;

GRANT UPDATE(checked_at) ON TABLE authsession.connection_revisions TO authsession_internal;

GRANT UPDATE(duration_ms) ON TABLE authsession.connection_revisions TO authsession_internal;

GRANT UPDATE(account) ON TABLE authsession.connection_revisions TO authsession_internal;

GRANT UPDATE(detail) ON TABLE authsession.connection_revisions TO authsession_internal;

GRANT UPDATE(is_unverified) ON TABLE authsession.connection_revisions TO authsession_internal;

GRANT UPDATE(accepted_at) ON TABLE authsession.connection_revisions TO authsession_internal;

GRANT SELECT,INSERT,DELETE ON TABLE authsession.connection_states TO authsession_internal;

GRANT UPDATE(status) ON TABLE authsession.connection_states TO authsession_internal;

GRANT UPDATE(since) ON TABLE authsession.connection_states TO authsession_internal;

GRANT UPDATE(failures) ON TABLE authsession.connection_states TO authsession_internal;

GRANT UPDATE(successes) ON TABLE authsession.connection_states TO authsession_internal;

GRANT UPDATE(next_probe_at) ON TABLE authsession.connection_states TO authsession_internal;

GRANT UPDATE(revision) ON TABLE authsession.connection_states TO authsession_internal;

GRANT UPDATE(is_slow) ON TABLE authsession.connection_states TO authsession_internal;

GRANT UPDATE(probing_until) ON TABLE authsession.connection_states TO authsession_internal;

GRANT SELECT,INSERT,DELETE ON TABLE authsession.connections TO authsession_internal;

GRANT UPDATE(kind) ON TABLE authsession.connections TO authsession_internal;

GRANT UPDATE(last_revision) ON TABLE authsession.connections TO authsession_internal;

GRANT UPDATE(accepted_revision) ON TABLE authsession.connections TO authsession_internal;

GRANT UPDATE(candidate_revision) ON TABLE authsession.connections TO authsession_internal;

GRANT UPDATE(candidate_until) ON TABLE authsession.connections TO authsession_internal;

GRANT UPDATE(updated_at) ON TABLE authsession.connections TO authsession_internal;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE authsession.domain_revocations TO authsession_internal;

GRANT SELECT,INSERT ON TABLE authsession.emails TO authsession_public;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE authsession.emails TO authsession_internal;

GRANT UPDATE(version) ON TABLE authsession.emails TO authsession_public;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE authsession.idempotency_keys TO authsession_internal;

GRANT SELECT,INSERT,DELETE ON TABLE authsession.node_join_tokens TO authsession_internal;

GRANT UPDATE(uses_left) ON TABLE authsession.node_join_tokens TO authsession_internal;

GRANT UPDATE(revoked_at) ON TABLE authsession.node_join_tokens TO authsession_internal;

GRANT SELECT,INSERT ON TABLE authsession.node_keys TO authsession_internal;

GRANT UPDATE(valid_until) ON TABLE authsession.node_keys TO authsession_internal;

GRANT SELECT,INSERT ON TABLE authsession.node_pools TO authsession_internal;

GRANT UPDATE(created_at) ON TABLE authsession.node_pools TO authsession_internal;

GRANT SELECT,INSERT,DELETE ON TABLE authsession.node_redis_users TO authsession_internal;

GRANT UPDATE(password_hash) ON TABLE authsession.node_redis_users TO authsession_internal;

GRANT UPDATE(changed_at) ON TABLE authsession.node_redis_users TO authsession_internal;

GRANT SELECT,INSERT,UPDATE ON TABLE authsession.node_states TO authsession_internal;

GRANT SELECT,INSERT ON TABLE authsession.nodes TO authsession_internal;

GRANT UPDATE(status) ON TABLE authsession.nodes TO authsession_internal;

GRANT UPDATE(software) ON TABLE authsession.nodes TO authsession_internal;

GRANT UPDATE(approved_at) ON TABLE authsession.nodes TO authsession_internal;

GRANT UPDATE(revoked_at) ON TABLE authsession.nodes TO authsession_internal;

GRANT UPDATE(revoke_reason_code) ON TABLE authsession.nodes TO authsession_internal;

GRANT UPDATE(revoke_actor_type) ON TABLE authsession.nodes TO authsession_internal;

GRANT UPDATE(revoke_actor_id) ON TABLE authsession.nodes TO authsession_internal;

GRANT SELECT,INSERT ON TABLE authsession.onboarding_steps TO authsession_internal;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE authsession.operator_sessions TO authsession_internal;

GRANT SELECT,INSERT,UPDATE ON TABLE authsession.operators TO authsession_internal;

GRANT SELECT,UPDATE ON TABLE authsession.owner_setup TO authsession_internal;

GRANT INSERT ON TABLE authsession.projection_conflicts TO authsession_public;
GRANT SELECT,INSERT,DELETE ON TABLE authsession.projection_conflicts TO authsession_internal;

GRANT SELECT,UPDATE ON TABLE authsession.projection_guard TO authsession_internal;

GRANT SELECT ON TABLE authsession.projection_keeper TO authsession_public;
GRANT SELECT ON TABLE authsession.projection_keeper TO authsession_internal;

GRANT UPDATE(epoch) ON TABLE authsession.projection_keeper TO authsession_public;
GRANT UPDATE(epoch) ON TABLE authsession.projection_keeper TO authsession_internal;

GRANT UPDATE(state) ON TABLE authsession.projection_keeper TO authsession_public;
GRANT UPDATE(state) ON TABLE authsession.projection_keeper TO authsession_internal;

GRANT UPDATE(beat) ON TABLE authsession.projection_keeper TO authsession_public;
GRANT UPDATE(beat) ON TABLE authsession.projection_keeper TO authsession_internal;

GRANT UPDATE(run_id) ON TABLE authsession.projection_keeper TO authsession_public;
GRANT UPDATE(run_id) ON TABLE authsession.projection_keeper TO authsession_internal;

GRANT UPDATE(timeline) ON TABLE authsession.projection_keeper TO authsession_public;
GRANT UPDATE(timeline) ON TABLE authsession.projection_keeper TO authsession_internal;

GRANT UPDATE(session_max_age) ON TABLE authsession.projection_keeper TO authsession_public;
GRANT UPDATE(session_max_age) ON TABLE authsession.projection_keeper TO authsession_internal;

GRANT UPDATE(rebuild_requested) ON TABLE authsession.projection_keeper TO authsession_public;
GRANT UPDATE(rebuild_requested) ON TABLE authsession.projection_keeper TO authsession_internal;

GRANT UPDATE(postgres_started_at) ON TABLE authsession.projection_keeper TO authsession_public;
GRANT UPDATE(postgres_started_at) ON TABLE authsession.projection_keeper TO authsession_internal;

GRANT SELECT,INSERT,DELETE ON TABLE authsession.projection_outbox TO authsession_public;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE authsession.projection_outbox TO authsession_internal;

GRANT UPDATE(available_at) ON TABLE authsession.projection_outbox TO authsession_public;

GRANT SELECT ON TABLE authsession.schema_migrations TO authsession_public;
GRANT SELECT ON TABLE authsession.schema_migrations TO authsession_internal;

GRANT SELECT,INSERT,DELETE ON TABLE authsession.secret_grants TO authsession_internal;

GRANT SELECT,INSERT ON TABLE authsession.secret_opens TO authsession_internal;

GRANT UPDATE(opened_at) ON TABLE authsession.secret_opens TO authsession_internal;

GRANT UPDATE(opened_by) ON TABLE authsession.secret_opens TO authsession_internal;

GRANT SELECT,INSERT ON TABLE authsession.secret_versions TO authsession_internal;

GRANT UPDATE(state) ON TABLE authsession.secret_versions TO authsession_internal;

GRANT UPDATE(key_id) ON TABLE authsession.secret_versions TO authsession_internal;

GRANT UPDATE(wrapped_key) ON TABLE authsession.secret_versions TO authsession_internal;

GRANT UPDATE(ciphertext) ON TABLE authsession.secret_versions TO authsession_internal;

GRANT SELECT,INSERT ON TABLE authsession.secrets TO authsession_internal;

GRANT UPDATE(usage) ON TABLE authsession.secrets TO authsession_internal;

GRANT UPDATE(current_version) ON TABLE authsession.secrets TO authsession_internal;

GRANT UPDATE(last_version) ON TABLE authsession.secrets TO authsession_internal;

GRANT UPDATE(updated_at) ON TABLE authsession.secrets TO authsession_internal;

GRANT UPDATE(deleted_at) ON TABLE authsession.secrets TO authsession_internal;

GRANT SELECT,INSERT ON TABLE authsession.session_last_seen TO authsession_internal;
GRANT SELECT ON TABLE authsession.session_last_seen TO authsession_public;

GRANT UPDATE(day) ON TABLE authsession.session_last_seen TO authsession_internal;

GRANT SELECT,DELETE ON TABLE authsession.session_orders TO authsession_internal;

GRANT SELECT(order_id) ON TABLE authsession.session_orders TO authsession_public;

GRANT SELECT(device_session_id),INSERT(device_session_id) ON TABLE authsession.session_orders TO authsession_public;

GRANT SELECT(request_id),INSERT(request_id) ON TABLE authsession.session_orders TO authsession_public;

GRANT SELECT(message_type),INSERT(message_type) ON TABLE authsession.session_orders TO authsession_public;

GRANT SELECT(timestamp_ms),INSERT(timestamp_ms) ON TABLE authsession.session_orders TO authsession_public;

GRANT INSERT(body) ON TABLE authsession.session_orders TO authsession_public;

GRANT SELECT(signature),INSERT(signature) ON TABLE authsession.session_orders TO authsession_public;

GRANT INSERT(token_hash) ON TABLE authsession.session_orders TO authsession_public;

GRANT INSERT(everything) ON TABLE authsession.session_orders TO authsession_public;

GRANT INSERT(network) ON TABLE authsession.session_orders TO authsession_public;

GRANT INSERT(http_request_id) ON TABLE authsession.session_orders TO authsession_public;

GRANT SELECT(outcome) ON TABLE authsession.session_orders TO authsession_public;
GRANT UPDATE(outcome) ON TABLE authsession.session_orders TO authsession_internal;

GRANT SELECT(session_count) ON TABLE authsession.session_orders TO authsession_public;
GRANT UPDATE(session_count) ON TABLE authsession.session_orders TO authsession_internal;

GRANT SELECT(decided_at) ON TABLE authsession.session_orders TO authsession_public;
GRANT UPDATE(decided_at) ON TABLE authsession.session_orders TO authsession_internal;

GRANT SELECT(published_at) ON TABLE authsession.session_orders TO authsession_public;
GRANT UPDATE(published_at) ON TABLE authsession.session_orders TO authsession_internal;

GRANT SELECT ON TABLE authsession.settings TO authsession_public;
GRANT SELECT,UPDATE ON TABLE authsession.settings TO authsession_internal;

GRANT SELECT,INSERT ON TABLE authsession.settings_changes TO authsession_internal;

GRANT SELECT,INSERT,DELETE ON TABLE authsession.subject_activations TO authsession_internal;

GRANT SELECT,INSERT ON TABLE authsession.subject_version_secrets TO authsession_internal;

GRANT SELECT,INSERT,DELETE ON TABLE authsession.subject_versions TO authsession_internal;

GRANT SELECT,INSERT ON TABLE authsession.subjects TO authsession_internal;

GRANT UPDATE(pools) ON TABLE authsession.subjects TO authsession_internal;

GRANT UPDATE(draft) ON TABLE authsession.subjects TO authsession_internal;

GRANT UPDATE(revision) ON TABLE authsession.subjects TO authsession_internal;

GRANT UPDATE(field_revisions) ON TABLE authsession.subjects TO authsession_internal;

GRANT UPDATE(published_revision) ON TABLE authsession.subjects TO authsession_internal;

GRANT UPDATE(last_version) ON TABLE authsession.subjects TO authsession_internal;

GRANT UPDATE(active_version) ON TABLE authsession.subjects TO authsession_internal;

GRANT UPDATE(paused_at) ON TABLE authsession.subjects TO authsession_internal;

GRANT UPDATE(archived_at) ON TABLE authsession.subjects TO authsession_internal;

GRANT UPDATE(updated_at) ON TABLE authsession.subjects TO authsession_internal;
