-- The default mail connection, as the courier of the public process needs it (SPEC §18.5). The internal process writes it
-- with each change of the default; the public role reads it by one function and has no right on the table.

-- `change_id` is new with each change. `sealed` holds kind, settings and secrets under the key `key_id` of
-- AUTHSESSION_SEALING_KEYS. All are null while there is no default.
create table mail_connection (
    is_one              boolean primary key default true check (is_one),
    change_id           uuid not null default gen_random_uuid(),
    connection_id       text,
    connection_revision integer,
    key_id              text,
    sealed              bytea check (octet_length(sealed) <= 32768),
    check (num_nonnulls(connection_id, connection_revision, key_id, sealed) in (0, 4))
) with (fillfactor = 50);
insert into mail_connection default values;

-- Stable: within a statement it sees what the statement sees, so a mail that was queued after a change leaves after it.
create function read_mail_connection()
returns table (change_id uuid, connection_id text, connection_revision integer, key_id text, sealed bytea)
language sql security definer stable set search_path from current
begin atomic
    select kept.change_id, kept.connection_id, kept.connection_revision, kept.key_id, kept.sealed
      from mail_connection as kept;
end;
revoke all on function read_mail_connection from public;
