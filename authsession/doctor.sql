-- name: read_server_version
-- The server's version as a number, such as 160003 for 16.3.
select current_setting('server_version_num');

-- name: read_encoding
-- The encoding of the database.
select current_setting('server_encoding');

-- name: read_ender
-- The owner of the function that ends blocking back ends, and whether that owner may end them.
select owner.rolname as owner,
       owner.rolsuper or pg_has_role(owner.oid, 'authsession_public', 'usage')
       or pg_has_role(owner.oid, 'pg_signal_backend', 'usage') as may_end
  from pg_proc join pg_roles owner on owner.oid = proowner
 where proname = 'end_public_blockers' and pronamespace = to_regnamespace('authsession')
   and exists (select from pg_roles where rolname = 'authsession_public');

-- name: read_schema_version
-- The newest applied migration.
select max(version) from authsession.schema_migrations;

-- name: read_read_only
-- Whether the server refuses writes, as a standby or for another reason.
select current_setting('transaction_read_only') = 'on';

-- name: read_keeper
-- The Redis of the process that keeps the projection, the age of its last heartbeat, and whether there ever was one.
select run_id, (extract(epoch from clock_timestamp()) * 1000)::bigint - beat as age_ms, beat > 0 as has_beaten
  from authsession.projection_keeper;

-- name: read_mail_connection
-- The default mail connection, sealed. Only the public role and the owner may ask.
select connection_id, connection_revision, key_id, sealed from authsession.read_mail_connection();

-- name: read_clock_offset
-- The offset of the clock. Only tests set it.
select coalesce(nullif(current_setting('authsession.clock_offset', true), ''), '');

-- name: read_server_clock
-- The server's clock without the tests' offset.
select clock_timestamp();

-- name: read_durability
-- The number of streaming standbys, and whether a commit waits for one. Every role may read these.
select (select count(*) from pg_stat_replication) as standbys,
       current_setting('synchronous_standby_names') as synchronous_standby_names,
       current_setting('synchronous_commit') as synchronous_commit;

-- name: read_role
-- Whether the role can log in, and whether it is a superuser, to whom rights do not apply.
select rolcanlogin, rolsuper from pg_roles where rolname = :role;

-- name: has_right
-- Whether the role has the right on the table, or on one of its columns; null if there is no such table.
select case when :right::text in ('select', 'insert', 'update')
            then has_any_column_privilege(:role::name, to_regclass(format('%I.%I', :schema::text, :table::text)), :right)
            else has_table_privilege(:role::name, to_regclass(format('%I.%I', :schema::text, :table::text)), :right) end;

-- name: read_new_device_notice
-- The setting `new_device_notice`.
select new_device_notice from authsession.settings;

-- name: read_require_client_key_proof
-- The setting `require_client_key_proof`.
select require_client_key_proof from authsession.settings;

-- name: read_sign_up
-- The setting `sign_up`, if nobody can log in because of it: there is no user, and no invitation that lets one in.
select sign_up from authsession.settings
 where not exists (select from authsession.users)
   and (sign_up = 'closed' or sign_up = 'invited'
        and not exists (select from authsession.invitations where expires_at > authsession.clock_now()));

-- name: read_shared_addresses
-- Addresses with several users: the oldest user, the others, and the number of the others' active sessions.
-- `addresses` is the number of all such addresses.
with shared as materialized (
    select email_id, array_agg(user_id order by created_at, user_id) as user_ids
      from authsession.users group by email_id having count(*) > 1
)
select user_ids[1] as keeps, user_ids[2:] as others, (select count(*) from shared) as addresses,
       (select count(*) from authsession.device_sessions
         where user_id = any (user_ids[2:]) and status = 'active') as active_sessions
  from shared order by email_id limit :limit;
