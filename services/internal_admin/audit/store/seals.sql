-- Statements of the audit chain (SPEC §10.8): seal rows, walk along the chain, remove its beginning.

-- name: read_chain_end
-- The point where sealing goes on: the last place of the chain, and the id up to which no row is waited for.
select coalesce(last.seq, audit_checkpoint.seq) as seq, coalesce(last.mac, audit_checkpoint.chain_mac) as mac,
       audit_sealer.floor
  from audit_sealer cross join audit_checkpoint
  left join (select seq, mac from audit_seal order by seq desc limit 1) as last on true;

-- name: read_unseen_rows
-- The oldest rows above id :after_audit_id and those in the gaps from :gap_lows to :gap_highs (arrays), at most :limit of
-- each, by id. One snapshot: a row that is missing has not committed yet, or has a higher id than all returned rows.
select audit_events.audit_id, occurred_at, event, outcome, caller, actor_type, actor_id, network, request_id, subject,
       reason_code, details::text as details, seq
  from ((select audit_id from audit_events where audit_id > :after_audit_id order by audit_id limit :limit)
        union all
        (select late.audit_id
           from unnest(:gap_lows::bigint[], :gap_highs::bigint[]) as gap (low, high)
          cross join lateral (select audit_id from audit_events where audit_id between gap.low and gap.high
                               order by audit_id limit :limit) as late
          order by late.audit_id limit :limit)) as unseen
  join audit_events using (audit_id)
  left join audit_seal using (audit_id)
 order by audit_events.audit_id;

-- name: write_seals
-- Appends to the chain and moves the floor to :floor. If one number or row has a seal already, nothing is written.
with sealed as (
    insert into audit_seal (seq, audit_id, key_id, mac)
    select seq, audit_id, :key_id, mac
      from unnest(:seq::bigint[], :audit_id::bigint[], :mac::bytea[]) as made (seq, audit_id, mac)
)
update audit_sealer set floor = :floor;

-- name: read_backlog
-- How many rows have no seal yet, and how long the oldest of them has waited. Counts rows after the last sealed one, and
-- rows before it that were committed late. Looks at 10,000 of each at most: neither a long trail nor a floor that stands
-- makes this slow.
select count(*) as rows, coalesce(clock_now() - min(occurred_at), interval '0') as oldest
  from (
      (select occurred_at from audit_events
        where audit_id > coalesce((select max(audit_id) from audit_seal), 0)
        order by audit_id limit 10000)
      union all
      select occurred_at
        from (select audit_id, occurred_at from audit_events
               where audit_id > (select floor from audit_sealer) and audit_id < (select max(audit_id) from audit_seal)
               order by audit_id limit 10000) as late
       where not exists (select from audit_seal where audit_seal.audit_id = late.audit_id)
  ) as unsealed;

-- name: read_checkpoint
-- The place where the chain begins.
select seq, chain_mac, key_id, mac from audit_checkpoint;

-- name: read_links
-- Seals after number :after_seq with their rows, at most :limit, in the order of the chain.
select seal.seq, seal.key_id, seal.mac, seal.audit_id as sealed_audit_id, audit_events.audit_id, occurred_at, event, outcome,
       caller, actor_type, actor_id, network, request_id, subject, reason_code, details::text as details
  from (select * from audit_seal where seq > :after_seq order by seq limit :limit) as seal
  left join audit_events on audit_events.audit_id = seal.audit_id
 order by seal.seq;

-- name: read_unsealed
-- Rows without a seal after id :after_audit_id, at most :limit, by id.
select audit_id, occurred_at
  from audit_events
 where audit_id > :after_audit_id and not exists (select from audit_seal where audit_seal.audit_id = audit_events.audit_id)
 order by audit_id limit :limit;

-- name: read_audit_cutoff
-- Rows from before `cutoff` may be removed, except the row of the last seal. Uses the server's own clock, as
-- `remove_audit_prefix` does.
select clock_timestamp() - audit_retention as cutoff, (select max(seq) from audit_seal) as last_seq from settings;

-- name: remove_audit_prefix
-- Removes the rows sealed up to number :seq, which has the MAC :chain_mac, and their seals. Leaves the checkpoint
-- (:key_id, :mac). Locks: audit_checkpoint.
select remove_audit_prefix(:seq, :chain_mac, :key_id, :mac);
