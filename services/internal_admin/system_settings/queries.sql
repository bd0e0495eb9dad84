-- Statements of the system settings. Lock order: settings, then domain_revocations.

-- name: read_settings
-- Every setting. Read the columns by name: a newer release may have added some.
select * from settings;

-- name: lock_settings
-- Every setting. Locks the one row, so that changes follow each other. Locks: settings.
select * from settings for update;

-- name: are_last_uses_told
-- Whether nodes tell of last uses.
select last_uses_told_since() is not null;

-- name: write_settings
-- Writes all settings under the next version. Run it holding the row's lock.
update settings
   set version = version + 1,
       session_limit = :session_limit,
       session_limit_policy = :session_limit_policy,
       session_max_age = :session_max_age,
       session_idle_age = :session_idle_age,
       new_device_notice = :new_device_notice,
       sign_up = :sign_up,
       require_client_key_proof = :require_client_key_proof,
       challenge_retention = :challenge_retention,
       known_network_retention = :known_network_retention,
       revoked_session_retention = :revoked_session_retention,
       expired_block_retention = :expired_block_retention,
       blocked_email_domains = :blocked_email_domains,
       allowed_email_domains = :allowed_email_domains,
       operator_password_min_length = :operator_password_min_length,
       audit_retention = :audit_retention,
       published_version_retention = :published_version_retention,
       node_join_approval = :node_join_approval,
       node_key_shared_policy = :node_key_shared_policy,
       secret_versions_kept = :secret_versions_kept,
       max_prompt_tokens = :max_prompt_tokens
returning version;

-- name: write_settings_change
-- Adds an entry to the history: a setting, its values and the actor.
insert into settings_changes (version, name, old_value, new_value, actor_type, actor_id)
values (:version, :name, :old_value, :new_value, :actor_type, :actor_id);

-- name: list_settings_changes
-- The history of changes, newest first, at most :limit.
select changed_at, version, name, old_value, new_value, actor_type, actor_id
  from settings_changes
 order by settings_change_id desc
 limit :limit;
