-- Statements of connections. Lock order: connections, then connection_revisions and connection_defaults, then secrets by
-- id, then mail_connection, the last of all. An activation locks the secrets of its connections, and no connection.

-- name: lock_names
-- Creations follow each other, so that their number is exact. Run it before a connection is locked.
select pg_advisory_xact_lock(hashtextextended('connections', 0));

-- name: count_connections
-- How many connections there are. Run it after lock_names.
select count(*) from connections;

-- name: lock_connection
-- One connection by name. Changes of it follow each other. `candidate` is 0 if it has none or its time is over.
-- Locks: connections.
select *, coalesce(accepted_revision, 0) as accepted,
       case when candidate_until > clock_now() then candidate_revision else 0 end as candidate
  from connections
 where name = :name
   for no key update;

-- name: insert_connection
-- Makes a connection without a revision. Run it after lock_names.
insert into connections (connection_id, name, kind, last_revision, created_at, updated_at)
select :connection_id, :name, :kind, 1, now.instant, now.instant from (select clock_now() as instant) as now;

-- name: write_candidate
-- Makes a revision the candidate for :life. Run it holding the connection's lock.
update connections
   set kind = :kind, last_revision = :revision, candidate_revision = :revision,
       candidate_until = now.instant + :life::interval, updated_at = now.instant
  from (select clock_now() as instant) as now
 where connection_id = :connection_id;

-- name: insert_revision
-- Adds a revision. Run it holding the connection's lock.
insert into connection_revisions (connection_id, revision, settings, secrets, created_by, created_at)
values (:connection_id, :revision, :settings::jsonb, :secrets::jsonb, :created_by, clock_now());

-- name: read_revisions
-- The revisions of a connection: the accepted one and the candidate. `is_verifying`: it has no result and is younger
-- than :takes. Run it after lock_connection: its snapshot is younger than the lock.
select *, result is null and created_at > clock_now() - :takes::interval as is_verifying
  from connection_revisions
 where connection_id = :connection_id;

-- name: read_accepted
-- The accepted revision of a connection. Locks nothing.
select name, kind, accepted_revision, settings, secrets
  from connections join connection_revisions using (connection_id)
 where connection_id = :connection_id and revision = accepted_revision;

-- name: delete_revision
-- Forgets a revision. Run it holding the connection's lock.
delete from connection_revisions where connection_id = :connection_id and revision = :revision;

-- name: write_result
-- Notes how a verification ended. Run it holding the connection's lock.
update connection_revisions
   set result = :result, checked_at = clock_now(), duration_ms = :duration_ms, account = :account, detail = :detail,
       is_unverified = is_unverified and :result::text <> 'verified'
 where connection_id = :connection_id and revision = :revision
returning checked_at;

-- name: accept_revision
-- Notes the acceptance of a revision. Run it holding the connection's lock.
update connection_revisions set accepted_at = clock_now(), is_unverified = result <> 'verified'
 where connection_id = :connection_id and revision = :revision;

-- name: write_accepted
-- Makes the candidate the accepted revision. Run it holding the connection's lock.
update connections
   set accepted_revision = candidate_revision, candidate_revision = null, candidate_until = null,
       updated_at = clock_now()
 where connection_id = :connection_id;

-- name: drop_candidate
-- The connection has no candidate any more. Run it holding the connection's lock.
update connections set candidate_revision = null, candidate_until = null where connection_id = :connection_id;

-- name: delete_connection
-- Removes a connection with its revisions, states and health. Run it holding the connection's lock.
delete from connections where connection_id = :connection_id;

-- name: find_expired
-- Names of connections whose candidate's time is over, at most :limit.
select name from connections where candidate_until <= clock_now() order by candidate_until limit :limit;

-- name: list_connections
-- Connections by name, or the one of :name.
select connections.*, candidate_until > clock_now() as has_candidate,
       array(select connection_key from connection_defaults
              where connection_defaults.connection_id = connections.connection_id order by connection_key) as default_for
  from connections
 where :name::text is null or name = :name
 order by name;

-- name: list_revisions
-- The revisions of these connections.
select * from connection_revisions where connection_id = any (:connection_ids::text[]);

-- name: list_unnamed_secrets
-- Secrets of a connection but the :serving ones, that no node may open: agents moved on from the server they were for.
select secret_id from secrets
 where scope_kind = 'connection' and scope_id = :connection_id and deleted_at is null
   and secret_id <> all (:serving::text[])
   and not exists (select from config_heads join config_secrets on manifest_digest in (digest, stable_digest)
                    where config_secrets.secret_id = secrets.secret_id);

-- name: find_users
-- The users of a connection: drafts and active versions of agents, and defaults; at most :limit. A version that took a
-- default names the secrets of the connection, and not the connection.
select 'the agent ' || name as used_by
  from subjects
 where kind = 'agent' and archived_at is null
   and (draft -> 'model' ->> 'connection' = :name
        or draft -> 'integrations' @> jsonb_build_array(jsonb_build_object('connection', :name::text))
        or exists (select from subject_versions as active
                    where active.subject_id = subjects.subject_id and active.version = subjects.active_version
                      and (active.draft -> 'model' ->> 'connection' = :name
                           or active.draft -> 'integrations'
                              @> jsonb_build_array(jsonb_build_object('connection', :name::text))))
        or exists (select from subject_version_secrets as named join secrets using (secret_id)
                    where named.subject_id = subjects.subject_id and named.version = subjects.active_version
                      and scope_kind = 'connection' and scope_id = :connection_id))
 union all
select 'the default for ' || connection_key
  from connection_defaults join connections using (connection_id)
 where name = :name
 order by used_by
 limit :limit;

-- name: list_defaults
-- The defaults that are set, or the one of :key.
select connection_key, name, kind, changed_by, changed_at
  from connection_defaults join connections using (connection_id)
 where :key::text is null or connection_key = :key
 order by connection_key;

-- name: read_default
-- The id of the connection that is the default of a key. Locks nothing.
select connection_id from connection_defaults where connection_key = :key;

-- name: write_default
-- Makes a connection the default of a key; returns the key if that is a change. Run it holding the connection's lock.
-- Locks: connection_defaults.
insert into connection_defaults as kept (connection_key, connection_id, changed_by, changed_at)
values (:key, :connection_id, :changed_by, clock_now())
    on conflict (connection_key) do update
   set connection_id = excluded.connection_id, changed_by = excluded.changed_by, changed_at = excluded.changed_at
 where kept.connection_id <> excluded.connection_id
returning connection_key;

-- name: delete_default
-- Removes the default of a key; returns the id of the connection. Locks: connection_defaults.
delete from connection_defaults where connection_key = :key returning connection_id;

-- name: lock_mail_copy
-- The courier's copy of the default mail connection. Run it last in a transaction. Locks: mail_connection.
select * from mail_connection for no key update;

-- name: read_mail_default
-- The default mail connection with its accepted revision. Run it after lock_mail_copy.
select connections.connection_id, kind, revision, settings, secrets
  from connection_defaults
  join connections using (connection_id)
  join connection_revisions on connection_revisions.connection_id = connections.connection_id
                           and revision = accepted_revision
 where connection_key = 'mail';

-- name: write_mail_copy
-- Writes the copy; all null: there is no default. Run it after lock_mail_copy.
update mail_connection
   set change_id = gen_random_uuid(), connection_id = :connection_id, connection_revision = :connection_revision,
       key_id = :key_id, sealed = :sealed;
