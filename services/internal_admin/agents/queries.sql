-- Statements about the connections and secrets that agents name. They lock nothing.

-- name: read_connection_facts
-- The connections of these names and the default model connection, each with its accepted revision and its health.
select name, kind, revisions.settings, revisions.secrets,
       coalesce(states.status = 'failing', false) as is_failing,
       defaults.connection_key is not null as is_default
  from connections
  left join connection_revisions as revisions
         on revisions.connection_id = connections.connection_id and revision = accepted_revision
  left join connection_states as states on states.connection_id = connections.connection_id
  left join connection_defaults as defaults
         on defaults.connection_id = connections.connection_id and connection_key = 'model'
 where name = any (:names::text[]) or defaults.connection_key is not null;

-- name: read_secret_facts
-- The secrets of these names that an agent may mean: its own, those of its pools and of the installation, and granted ones.
select secret_id, name, scope_kind, scope_id, usage = 'grantable' as is_grantable, grants.is_granted,
       grants.granted_pools
  from secrets
 cross join lateral (
     select coalesce(bool_or(grantee_kind = 'agent'), false) as is_granted,
            coalesce(array_agg(grantee_id order by grantee_id) filter (where grantee_kind = 'pool'), '{}') as granted_pools
       from secret_grants
      where secret_grants.secret_id = secrets.secret_id
        and (grantee_kind, grantee_id) in (select 'agent', :agent_id union all select 'pool', unnest(:pools::text[]))
 ) as grants
 where name = any (:names::text[]) and deleted_at is null and current_version > 0
   and (scope_kind = 'installation'
        or scope_kind = 'agent' and scope_id = :agent_id
        or scope_kind = 'pool' and scope_id = any (:pools::text[])
        or grants.is_granted or grants.granted_pools <> '{}')
 order by secret_id;

-- name: read_prompt_budget
-- The largest prompt that may be published, in tokens.
select max_prompt_tokens from settings;
