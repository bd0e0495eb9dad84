-- Statements that list the audit trail, newest first: by time, then by id.
-- All list_… take the same parameters: the columns that rows must equal (null: anything), :since the instant to end at,
-- (:before_occurred_at, :before_audit_id) the position to begin before, :limit the most rows to return, :looked_at the most
-- rows to look at. They differ in the index that leads them.
-- The last row that was looked at is returned even if it does not match (`is_match`).
-- The leading column is compared together with the position, as one row, and is part of the order. With an equality beside
-- it the planner may take the index by time instead, and read every row that does not match.

-- name: order_by_index
-- For this transaction rows come in the order of an index, so reading ends with the page. A sort would read all rows; the
-- planner would choose it, because it expects few.
set local enable_sort = off;

-- name: list_by_time
-- Led by the time alone.
select looked_at.*, details::text as details_text, is_match,
       (select seq from audit_seal where audit_seal.audit_id = looked_at.audit_id) as seq
  from (select *, row_number() over (order by occurred_at desc, audit_id desc) as place
          from audit_events
         where (occurred_at, audit_id) >= (:since, 0)
           and (occurred_at, audit_id) < (:before_occurred_at, :before_audit_id)
         order by occurred_at desc, audit_id desc limit :looked_at) as looked_at
 cross join lateral (select (:event::text is null or event = :event)
                        and (:outcome::text is null or outcome = :outcome)
                        and (:caller::text is null or caller = :caller)
                        and (:actor_type::text is null or actor_type = :actor_type)
                        and (:actor_id::text is null or actor_id = :actor_id)
                        and (:subject::text is null or subject = :subject)
                        and (:request_id::text is null or request_id = :request_id)) as asked (is_match)
 where is_match or place = :looked_at
 order by occurred_at desc, audit_id desc limit :limit;

-- name: list_by_event
-- Led by the event.
select looked_at.*, details::text as details_text, is_match,
       (select seq from audit_seal where audit_seal.audit_id = looked_at.audit_id) as seq
  from (select *, row_number() over (order by event desc, occurred_at desc, audit_id desc) as place
          from audit_events
         where (event, occurred_at, audit_id) >= (:event, :since, 0)
           and (event, occurred_at, audit_id) < (:event, :before_occurred_at, :before_audit_id)
         order by event desc, occurred_at desc, audit_id desc limit :looked_at) as looked_at
 cross join lateral (select (:event::text is null or event = :event)
                        and (:outcome::text is null or outcome = :outcome)
                        and (:caller::text is null or caller = :caller)
                        and (:actor_type::text is null or actor_type = :actor_type)
                        and (:actor_id::text is null or actor_id = :actor_id)
                        and (:subject::text is null or subject = :subject)
                        and (:request_id::text is null or request_id = :request_id)) as asked (is_match)
 where is_match or place = :looked_at
 order by event desc, occurred_at desc, audit_id desc limit :limit;

-- name: list_by_caller
-- Led by the caller, which must not be `public`: the index leaves those rows out.
select looked_at.*, details::text as details_text, is_match,
       (select seq from audit_seal where audit_seal.audit_id = looked_at.audit_id) as seq
  from (select *, row_number() over (order by caller desc, occurred_at desc, audit_id desc) as place
          from audit_events
         where caller <> 'public'
           and (caller, occurred_at, audit_id) >= (:caller, :since, 0)
           and (caller, occurred_at, audit_id) < (:caller, :before_occurred_at, :before_audit_id)
         order by caller desc, occurred_at desc, audit_id desc limit :looked_at) as looked_at
 cross join lateral (select (:event::text is null or event = :event)
                        and (:outcome::text is null or outcome = :outcome)
                        and (:caller::text is null or caller = :caller)
                        and (:actor_type::text is null or actor_type = :actor_type)
                        and (:actor_id::text is null or actor_id = :actor_id)
                        and (:subject::text is null or subject = :subject)
                        and (:request_id::text is null or request_id = :request_id)) as asked (is_match)
 where is_match or place = :looked_at
 order by caller desc, occurred_at desc, audit_id desc limit :limit;

-- name: list_by_actor
-- Led by the id of the claimed actor.
select looked_at.*, details::text as details_text, is_match,
       (select seq from audit_seal where audit_seal.audit_id = looked_at.audit_id) as seq
  from (select *, row_number() over (order by actor_id desc, occurred_at desc, audit_id desc) as place
          from audit_events
         where actor_id is not null
           and (actor_id, occurred_at, audit_id) >= (:actor_id, :since, 0)
           and (actor_id, occurred_at, audit_id) < (:actor_id, :before_occurred_at, :before_audit_id)
         order by actor_id desc, occurred_at desc, audit_id desc limit :looked_at) as looked_at
 cross join lateral (select (:event::text is null or event = :event)
                        and (:outcome::text is null or outcome = :outcome)
                        and (:caller::text is null or caller = :caller)
                        and (:actor_type::text is null or actor_type = :actor_type)
                        and (:actor_id::text is null or actor_id = :actor_id)
                        and (:subject::text is null or subject = :subject)
                        and (:request_id::text is null or request_id = :request_id)) as asked (is_match)
 where is_match or place = :looked_at
 order by actor_id desc, occurred_at desc, audit_id desc limit :limit;

-- name: list_by_subject
-- Led by the subject.
select looked_at.*, details::text as details_text, is_match,
       (select seq from audit_seal where audit_seal.audit_id = looked_at.audit_id) as seq
  from (select *, row_number() over (order by subject desc, occurred_at desc, audit_id desc) as place
          from audit_events
         where (subject, occurred_at, audit_id) >= (:subject, :since, 0)
           and (subject, occurred_at, audit_id) < (:subject, :before_occurred_at, :before_audit_id)
         order by subject desc, occurred_at desc, audit_id desc limit :looked_at) as looked_at
 cross join lateral (select (:event::text is null or event = :event)
                        and (:outcome::text is null or outcome = :outcome)
                        and (:caller::text is null or caller = :caller)
                        and (:actor_type::text is null or actor_type = :actor_type)
                        and (:actor_id::text is null or actor_id = :actor_id)
                        and (:subject::text is null or subject = :subject)
                        and (:request_id::text is null or request_id = :request_id)) as asked (is_match)
 where is_match or place = :looked_at
 order by subject desc, occurred_at desc, audit_id desc limit :limit;

-- name: walk_by_time
-- The rows after (:after_occurred_at, :after_audit_id) and before the instant :until, oldest first, at most :limit.
select audit_events.*, details::text as details_text, seq
  from audit_events left join audit_seal using (audit_id)
 where (occurred_at, audit_id) > (:after_occurred_at, :after_audit_id) and (occurred_at, audit_id) < (:until, 0)
 order by occurred_at, audit_id limit :limit;
