-- Statements of the health of connections. Lock order: connections, then connection_states.

-- name: claim_due
-- Takes connections that are due, the longest due first: at most :free, and of slow ones at most :slow. Nobody else
-- takes them for :claim. An accepted revision that was never probed is due at once. :probing are the caller's own, whose
-- results are not written yet.
-- Locks: connections, for key share, so that none of them is deleted meanwhile; connection_states.
with known as (
    select connection_id, coalesce(is_slow, false) as is_slow,
           case when revision = accepted_revision then next_probe_at else updated_at end as due_at
      from connections left join connection_states using (connection_id)
     where accepted_revision is not null and kind = any (:kinds::text[])
       and (probing_until is null or probing_until <= clock_now()) and connection_id <> all (:probing::text[])
), due as (
    select connection_id, is_slow, due_at, row_number() over (partition by is_slow order by due_at) as place
      from known
     where due_at <= clock_now()
), taken as (
    select connection_id
      from connections join due using (connection_id)
     where place <= case when is_slow then :slow::integer else :free::integer end
     order by due_at
     limit :free::integer
       for key share of connections skip locked
)
insert into connection_states (connection_id, status, since, next_probe_at, probing_until)
select connection_id, 'unknown', now.instant, now.instant, now.instant + :claim::interval
  from taken, (select clock_now() as instant) as now
    on conflict (connection_id) do update set probing_until = excluded.probing_until
returning connection_id, is_slow;

-- name: put_off
-- Ends a claim without a result; the connection is due again after :wait. Locks: connection_states.
update connection_states
   set revision = accepted_revision, status = 'unknown', failures = 0, successes = 0,
       next_probe_at = clock_now() + :wait::interval, probing_until = null
  from connections
 where connections.connection_id = connection_states.connection_id and connections.connection_id = :connection_id
   and accepted_revision is not null;

-- name: end_claim
-- Ends a claim whose revision is not the accepted one any more. Locks: connection_states.
update connection_states set probing_until = null where connection_id = :connection_id;

-- name: lock_connection
-- The connection, so that its accepted revision stays what it is. Locks: connections.
select name, kind, accepted_revision from connections where connection_id = :connection_id for no key update;

-- name: read_state
-- The state of a connection, with its last result of the last :life. Run it holding the connection's lock.
select status, failures, successes, revision,
       (select result from connection_health
         where connection_health.connection_id = connection_states.connection_id
           and checked_at > clock_now() - :life::interval
         order by health_id desc limit 1) as last_result
  from connection_states where connection_id = :connection_id;

-- name: write_state
-- Writes the state, and ends a claim. Run it holding the connection's lock. Locks: connection_states.
insert into connection_states as kept
       (connection_id, status, since, failures, successes, revision, is_slow, next_probe_at)
select :connection_id, :status, now.instant, :failures, :successes, :revision, :is_slow, now.instant + :wait::interval
  from (select clock_now() as instant) as now
    on conflict (connection_id) do update
   set status = excluded.status, failures = excluded.failures, successes = excluded.successes,
       since = case when kept.status = excluded.status then kept.since else excluded.since end,
       revision = excluded.revision, is_slow = excluded.is_slow, next_probe_at = excluded.next_probe_at,
       probing_until = null;

-- name: insert_snapshot
-- Keeps what was observed. Run it holding the connection's lock.
insert into connection_health (connection_id, checked_at, result, duration_ms)
values (:connection_id, clock_now(), :result, :duration_ms);

-- name: delete_surplus
-- Removes what is older than the last :kept of a connection, at most :limit.
delete from connection_health
 where health_id in (select health_id from connection_health where connection_id = :connection_id
                      order by health_id desc offset :kept limit :limit);

-- name: delete_aged
-- Removes what is older than :life, at most :limit; returns the number.
with aged as (
    delete from connection_health
     where health_id in (select health_id from connection_health where checked_at < clock_now() - :life::interval
                          order by checked_at limit :limit)
    returning health_id
)
select count(*) from aged;

-- name: count_states
-- How many accepted connections there are of each kind and status, and how long the longest due has waited.
select kind, status, count(*) as count, max(waits) as waits
  from (select kind, case when revision = accepted_revision then status else 'unknown' end as status,
               greatest(extract(epoch from clock_now()
                 - case when revision = accepted_revision then next_probe_at else updated_at end), 0) as waits
          from connections left join connection_states using (connection_id)
         where accepted_revision is not null) as known
 group by kind, status;

-- name: read_health
-- The state of the connection of a name. Before the first probe of the accepted revision it is unknown.
select connection_id,
       case when revision = accepted_revision then status else 'unknown' end as status,
       case when revision = accepted_revision then since else updated_at end as since
  from connections left join connection_states using (connection_id)
 where name = :name;

-- name: list_snapshots
-- The last :limit observations of a connection, the newest first.
select checked_at, result, duration_ms from connection_health
 where connection_id = :connection_id order by health_id desc limit :limit;
