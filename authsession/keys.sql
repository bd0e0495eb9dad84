-- Counts, for each ring, the rows that still need a key. One of `keys` suffices for the rows of a group.

-- name: read_needed_login_code_keys
-- A live code cannot be checked without the key that hashed it.
select array[key_id] as keys, count(*) as needing
  from authsession.login_codes
 where ended_at is null and expires_at > (select authsession.clock_now())
 group by key_id order by keys;

-- name: read_needed_sealing_keys
-- A code that waits for its mail cannot be mailed without the key that sealed it, nor a notice with its link.
select array[seal_key_id] as keys, count(*) as needing
  from (select seal_key_id from authsession.login_codes
         where sealed_code is not null and expires_at > (select authsession.clock_now())
        union all
        select seal_key_id from authsession.letters where sealed_token is not null and state = 'queued') as sealed
 group by seal_key_id order by keys;

-- name: read_needed_mail_connection_keys
-- The courier cannot use the default mail connection without the key that sealed it.
select array[key_id] as keys, count(*) as needing
  from authsession.mail_connection
 where key_id is not null
 group by key_id order by keys;

-- name: read_needed_audit_keys
-- A seal cannot be verified, nor removed by retention, without the key that made it. The checkpoint is such a seal.
select array[key_id] as keys, count(*) as needing
  from (select key_id from authsession.audit_seal
        union all
        select key_id from authsession.audit_checkpoint where key_id is not null) as made
 group by key_id order by keys;

-- name: read_needed_secret_keys
-- A version of a secret cannot be opened without the key that wraps its data key. A deleted secret may be undeleted.
select array[key_id] as keys, count(*) as needing
  from authsession.secret_versions
 where state <> 'destroyed'
 group by key_id order by keys;

-- name: read_config_keys_of_manifests
-- Every key that a manifest lists has signed it.
select array(select concat_ws(' ', each.value ->> 'key_id', each.value ->> 'public_key')
               from jsonb_array_elements(convert_from(manifest, 'UTF8')::jsonb -> 'config_keys')
                    with ordinality as each (value, place)
              order by place) as keys,
       1 as needing
  from authsession.config_manifests
 where digest in (select digest from authsession.config_heads
                  union all
                  select stable_digest from authsession.config_heads)
 order by keys;

-- name: read_config_keys_of_nodes
-- A node trusts the keys that its last applied manifest lists.
select array(select concat_ws(' ', each.value ->> 'key_id', each.value ->> 'public_key')
               from jsonb_array_elements(convert_from(config_manifests.manifest, 'UTF8')::jsonb -> 'config_keys')
                    with ordinality as each (value, place)
              order by place) as keys,
       count(*) as needing
  from authsession.nodes
  join authsession.node_states using (node_id)
  join authsession.config_manifests on config_manifests.digest = node_states.applied_digest
 where nodes.status <> 'revoked'
 group by config_manifests.digest order by keys;

-- name: read_nodes_without_manifest
-- Such a node applied a manifest that is served no more, or none. Nobody knows which keys it trusts. A pending
-- node trusts those of its join.
select array[]::text[] as keys, count(*) as needing
  from authsession.nodes
  left join authsession.node_states using (node_id)
 where nodes.status <> 'revoked'
   and not exists (select from authsession.config_manifests where digest = node_states.applied_digest)
having count(*) > 0;
