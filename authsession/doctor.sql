-- name: read_server_version
-- 160003 for 16.3.
select current_setting('server_version_num');

-- name: read_encoding
-- Of the database.
select current_setting('server_encoding');

-- name: read_ender
-- The owner of the function that ends blocking back ends, and whether it may.
select owner.rolname as owner,
       owner.rolsuper or pg_has_role(owner.oid, 'authsession_public', 'usage')
       or pg_has_role(owner.oid, 'pg_signal_backend', 'usage') as may_end
  from pg_proc join pg_roles owner on owner.oid = proowner
 where proname = 'end_public_blockers' and pronamespace = to_regnamespace('authsession')
   and exists (select from pg_roles where rolname = 'authsession_public');

-- name: read_schema_version
-- The newest migration that was applied.
select max(version) from authsession.schema_migrations;

-- name: read_read_only
-- Whether this is a standby, or takes no writes for another reason.
select current_setting('transaction_read_only') = 'on';

-- name: read_keeper
-- The Redis of the process that keeps the projection, how old its last beat is, and whether there was one ever.
select run_id, (extract(epoch from clock_timestamp()) * 1000)::bigint - beat as age_ms, beat > 0 as has_beaten
  from authsession.projection_keeper;

-- name: read_clock_offset
-- What only tests set.
select coalesce(nullif(current_setting('authsession.clock_offset', true), ''), '');

-- name: read_server_clock
-- Without the tests' offset.
select clock_timestamp();

-- name: read_durability
-- What every role may see: how many standbys stream, and whether a commit waits for one.
select (select count(*) from pg_stat_replication) as standbys,
       current_setting('synchronous_standby_names') as synchronous_standby_names,
       current_setting('synchronous_commit') as synchronous_commit;

-- name: read_role
-- Whether the role can log in, and whether rights mean anything to it.
select rolcanlogin, rolsuper from pg_roles where rolname = $1;

-- name: has_right
-- Whether role $1 has right $4 on table $3 of schema $2, or on a column of it; null if there is no such table.
select case when $4::text in ('select', 'insert', 'update')
            then has_any_column_privilege($1::name, to_regclass(format('%I.%I', $2::text, $3::text)), $4)
            else has_table_privilege($1::name, to_regclass(format('%I.%I', $2::text, $3::text)), $4) end;

-- name: read_require_client_key_proof
-- The setting.
select require_client_key_proof from authsession.settings;

-- name: read_shared_addresses
-- Of at most $1 addresses with several users: the oldest of them, the others, and the others' active sessions; and how many such
-- addresses there are.
with shared as materialized (
    select email_id, array_agg(user_id order by created_at, user_id) as user_ids
      from authsession.users group by email_id having count(*) > 1
)
select user_ids[1] as keeps, user_ids[2:] as others, (select count(*) from shared) as addresses,
       (select count(*) from authsession.device_sessions
         where user_id = any (user_ids[2:]) and status = 'active') as active_sessions
  from shared order by email_id limit $1;
