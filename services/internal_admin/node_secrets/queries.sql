-- Statements of the delivery of secrets to nodes. Lock order: audit_events, then secret_opens by secret id.

-- name: judge
-- One row for each asked version, in the asked order: whether the node may have the secret, and whether the value is there.
-- Granted: the current or the stable manifest of the pool names the secret for this reader; the secret is not deleted; and
-- it is the reader's own, the pool's, granted to one of them, or of a connection, which manifests name for its users alone.
-- Grants and the node are looked at here too, because manifests keep their references while nothing can be signed.
-- Enabled: the value is there, and it is no candidate that was not accepted yet.
select asked.secret_id, asked.version,
       coalesce(
           s.deleted_at is null
           and exists (select from nodes where node_id = :node_id and status = 'active')
           and exists (
               select from config_heads h
                 join config_secrets c on c.manifest_digest in (h.digest, h.stable_digest)
                where h.pool = :pool and c.secret_id = s.secret_id and c.reader = :reader
           )
           and (
               (s.scope_kind = 'pool' and s.scope_id = :pool)
               or (s.scope_kind = 'agent' and s.scope_id = :reader)
               or (s.scope_kind = 'connection' and :reader <> 'gateway')
               or exists (
                   select from secret_grants g
                    where g.secret_id = s.secret_id
                      and (g.grantee_kind, g.grantee_id) in (('pool', :pool), ('agent', :reader))
               )
           ),
           false
       ) as is_granted,
       coalesce(v.state = 'enabled' and v.version <= s.current_version, false) as is_enabled
  from unnest(:secret_ids::text[], :versions::integer[]) with ordinality as asked (secret_id, version, place)
  left join secrets s using (secret_id)
  left join secret_versions v on v.secret_id = asked.secret_id and v.version = asked.version
 order by asked.place;

-- name: read_sealed
-- The sealed values of versions, in the asked order. Values that are destroyed are missing.
select s.secret_id, s.scope_kind, s.scope_id, s.name, v.version, v.key_id, v.wrapped_key, v.ciphertext
  from unnest(:secret_ids::text[], :versions::integer[]) with ordinality as asked (secret_id, version, place)
  join secrets s using (secret_id)
  join secret_versions v on v.secret_id = asked.secret_id and v.version = asked.version
 where v.state <> 'destroyed'
 order by asked.place;

-- name: write_opens
-- Notes the last opening of secrets. Locks: secret_opens, by secret id.
insert into secret_opens as kept (secret_id, opened_at, opened_by)
select opened.secret_id, clock_now(), :node_id
  from (select distinct unnest(:secret_ids::text[]) as secret_id) as opened
 order by opened.secret_id
on conflict (secret_id) do update set opened_at = excluded.opened_at, opened_by = excluded.opened_by;
