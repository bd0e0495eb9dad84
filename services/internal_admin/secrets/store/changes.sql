-- Statements of operators' changes of secrets. Lock order: the agent's row of subjects, the scope's names, then secrets.

-- name: lock_agent
-- The agent, if it is not archived. An archiving of the agent waits. Locks: subjects.
select subject_id from subjects
 where subject_id = :agent_id and kind = 'agent' and archived_at is null
   for share;

-- name: has_pool
-- Whether there is such a pool. A pool is never removed.
select exists (select from node_pools where pool = :pool);

-- name: read_scope
-- The scope of a secret, which never changes. Locks nothing.
select scope_kind, scope_id from secrets where secret_id = :secret_id;

-- name: is_gone
-- Whether no version of a deleted secret is left. Run it holding the secret's lock.
select not exists (select from secret_versions where secret_id = :secret_id and state <> 'destroyed');

-- name: read_version_state
-- The state of a version; nothing if there is none. Run it holding the secret's lock.
select state from secret_versions where secret_id = :secret_id and version = :version;

-- name: count_versions
-- How many of these versions there are, destroyed ones too. Run it holding the secret's lock.
select count(*) from secret_versions where secret_id = :secret_id and version = any (:versions::integer[]);

-- name: has_grant
-- Whether the secret has the grant. Run it holding the secret's lock.
select exists (select from secret_grants
                where secret_id = :secret_id and grantee_kind = :grantee_kind and grantee_id = :grantee_id);

-- name: count_grants
-- How many grants the secret has. Run it holding the secret's lock.
select count(*) from secret_grants where secret_id = :secret_id;

-- name: insert_grant
-- Adds a grant. Run it holding the secret's lock.
insert into secret_grants (secret_id, grantee_kind, grantee_id, granted_by, granted_at)
values (:secret_id, :grantee_kind, :grantee_id, :granted_by, clock_now());

-- name: delete_grant
-- Removes a grant; returns the id if there was one. Run it holding the secret's lock.
delete from secret_grants
 where secret_id = :secret_id and grantee_kind = :grantee_kind and grantee_id = :grantee_id
returning secret_id;

-- name: delete_grants_of_agent
-- Removes all grants of an agent; returns their secrets. Run it holding the locks of the secrets.
delete from secret_grants
 where grantee_kind = 'agent' and grantee_id = :agent_id and secret_id = any (:secret_ids::text[])
returning secret_id;

-- name: enable_versions
-- Enables the versions that the deletion disabled. Run it holding the secret's lock.
update secret_versions set state = 'enabled' where secret_id = :secret_id and state = 'disabled';

-- name: write_undeleted
-- Brings a deleted secret back. Run it holding the locks of the scope's names and of the secret.
update secrets set deleted_at = null, updated_at = clock_now() where secret_id = :secret_id;

-- name: lock_secrets_of_agent
-- Secrets of the agent that are not deleted, and secrets granted to it; by id. Locks: secrets.
select secret_id, scope_kind = 'agent' and scope_id = :agent_id as is_own from secrets
 where (scope_kind = 'agent' and scope_id = :agent_id and deleted_at is null)
    or secret_id in (select secret_id from secret_grants where grantee_kind = 'agent' and grantee_id = :agent_id)
 order by secret_id
   for no key update;
