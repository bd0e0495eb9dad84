-- The sealed audit trail (SPEC §10.8, docs/decisions/0025-audit-trail.md): a chain of MACs beside the rows, written behind
-- them, off the way of whoever writes the rows. No role changes or removes rows or seals but by the function below.

-- Seals stand in the order of the chain, which is not that of the ids: ids are drawn before their rows commit.
-- No foreign key: a seal outlives a row that somebody removed, and tells of it.
create table audit_seal (
    seq      bigint primary key check (seq > 0),          -- from 1, without a gap
    audit_id bigint not null,
    key_id   text not null,
    mac      bytea not null check (octet_length(mac) = 32)
);
create unique index audit_seal_audit_id on audit_seal (audit_id);

-- Every row up to this id is sealed, or its transaction ended without it: where a sealer begins. Proves nothing to `verify`.
create table audit_sealer (
    only_row boolean primary key default true check (only_row),
    floor    bigint not null default 0
);
insert into audit_sealer default values;

-- Where the chain begins: at its genesis, or where retention removed what was before, sealed by who removed it.
create table audit_checkpoint (
    only_row  boolean primary key default true check (only_row),
    seq       bigint not null default 0 check (seq >= 0),
    chain_mac bytea not null default decode(repeat('00', 32), 'hex') check (octet_length(chain_mac) = 32),
    key_id    text,
    mac       bytea check (octet_length(mac) = 32),
    check ((seq = 0) = (key_id is null)),
    check ((seq = 0) = (mac is null))
);
insert into audit_checkpoint default values;

alter table settings
    add audit_retention interval not null default '400 days' check (audit_retention between '30 days' and '3650 days');

-- What a reader of rows can hold: one written for the year 5000 BC must not stop the sealer.
alter table audit_events add check (occurred_at between '2000-01-01 00:00:00Z' and '9999-01-01 00:00:00Z');

-- The trail is read by time, newest first, and by what these name. Logins write most rows, by the caller `public`.
drop index audit_events_occurred_at;
create index audit_events_time on audit_events (occurred_at, audit_id);
create index audit_events_subject on audit_events (subject, occurred_at, audit_id);
create index audit_events_event on audit_events (event, occurred_at, audit_id);
create index audit_events_caller on audit_events (caller, occurred_at, audit_id) where caller <> 'public';
create index audit_events_actor on audit_events (actor_id, occurred_at, audit_id) where actor_id is not null;

-- Removes the rows sealed up to `up_to`, with their seals, and leaves the checkpoint; returns how many rows. The only way
-- rows of the trail go: a prefix of the chain, none younger than `audit_retention`, never the last seal. Repeats and calls at
-- once are harmless: what is gone is 0 rows. Time is the server's own, which no session can move as it can `clock_now()`.
create function remove_audit_prefix(up_to bigint, expected_chain_mac bytea, with_key_id text, with_mac bytea) returns bigint
language plpgsql security definer set search_path from current as $$
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
revoke all on function remove_audit_prefix from public;
