-- Statements that list the audit trail, newest first: by time, then by id. All take the same parameters: what to be equal to
-- ($1 event, $2 outcome, $3 caller, $4 actor type, $5 actor id, $6 subject, $7 request id; null: anything), $8 the instant to
-- end at, $9 and $10 the position to begin before, $11 how many rows, $12 how many to look at. They differ in the index that
-- leads them. Each looks at $12 rows at most; the last of these is told even if it is not what was asked for (`is_match`).
-- The leading column is compared together with the position, as one row, and is part of the order: with an equality beside it
-- the planner may take the index by time instead, and read every row that is not asked for.

-- name: order_by_index
-- For this transaction: rows come in the order of an index, and reading ends with the page. Sorting would read all of them, and
-- the planner takes them for few.
set local enable_sort = off;

-- name: list_by_time
-- Led by the time alone.
select looked_at.*, details::text as details_text, is_match,
       (select seq from audit_seal where audit_seal.audit_id = looked_at.audit_id) as seq
  from (select *, row_number() over (order by occurred_at desc, audit_id desc) as place
          from audit_events
         where (occurred_at, audit_id) >= ($8, 0) and (occurred_at, audit_id) < ($9, $10)
         order by occurred_at desc, audit_id desc limit $12) as looked_at
 cross join lateral (select ($1::text is null or event = $1) and ($2::text is null or outcome = $2)
                        and ($3::text is null or caller = $3) and ($4::text is null or actor_type = $4)
                        and ($5::text is null or actor_id = $5) and ($6::text is null or subject = $6)
                        and ($7::text is null or request_id = $7)) as asked (is_match)
 where is_match or place = $12
 order by occurred_at desc, audit_id desc limit $11;

-- name: list_by_event
-- Led by the event.
select looked_at.*, details::text as details_text, is_match,
       (select seq from audit_seal where audit_seal.audit_id = looked_at.audit_id) as seq
  from (select *, row_number() over (order by event desc, occurred_at desc, audit_id desc) as place
          from audit_events
         where (event, occurred_at, audit_id) >= ($1, $8, 0) and (event, occurred_at, audit_id) < ($1, $9, $10)
         order by event desc, occurred_at desc, audit_id desc limit $12) as looked_at
 cross join lateral (select ($1::text is null or event = $1) and ($2::text is null or outcome = $2)
                        and ($3::text is null or caller = $3) and ($4::text is null or actor_type = $4)
                        and ($5::text is null or actor_id = $5) and ($6::text is null or subject = $6)
                        and ($7::text is null or request_id = $7)) as asked (is_match)
 where is_match or place = $12
 order by event desc, occurred_at desc, audit_id desc limit $11;

-- name: list_by_caller
-- Led by the caller, which must not be `public`: the index leaves those rows out.
select looked_at.*, details::text as details_text, is_match,
       (select seq from audit_seal where audit_seal.audit_id = looked_at.audit_id) as seq
  from (select *, row_number() over (order by caller desc, occurred_at desc, audit_id desc) as place
          from audit_events
         where caller <> 'public'
           and (caller, occurred_at, audit_id) >= ($3, $8, 0) and (caller, occurred_at, audit_id) < ($3, $9, $10)
         order by caller desc, occurred_at desc, audit_id desc limit $12) as looked_at
 cross join lateral (select ($1::text is null or event = $1) and ($2::text is null or outcome = $2)
                        and ($3::text is null or caller = $3) and ($4::text is null or actor_type = $4)
                        and ($5::text is null or actor_id = $5) and ($6::text is null or subject = $6)
                        and ($7::text is null or request_id = $7)) as asked (is_match)
 where is_match or place = $12
 order by caller desc, occurred_at desc, audit_id desc limit $11;

-- name: list_by_actor
-- Led by the id of the claimed actor.
select looked_at.*, details::text as details_text, is_match,
       (select seq from audit_seal where audit_seal.audit_id = looked_at.audit_id) as seq
  from (select *, row_number() over (order by actor_id desc, occurred_at desc, audit_id desc) as place
          from audit_events
         where actor_id is not null
           and (actor_id, occurred_at, audit_id) >= ($5, $8, 0) and (actor_id, occurred_at, audit_id) < ($5, $9, $10)
         order by actor_id desc, occurred_at desc, audit_id desc limit $12) as looked_at
 cross join lateral (select ($1::text is null or event = $1) and ($2::text is null or outcome = $2)
                        and ($3::text is null or caller = $3) and ($4::text is null or actor_type = $4)
                        and ($5::text is null or actor_id = $5) and ($6::text is null or subject = $6)
                        and ($7::text is null or request_id = $7)) as asked (is_match)
 where is_match or place = $12
 order by actor_id desc, occurred_at desc, audit_id desc limit $11;

-- name: list_by_subject
-- Led by the subject.
select looked_at.*, details::text as details_text, is_match,
       (select seq from audit_seal where audit_seal.audit_id = looked_at.audit_id) as seq
  from (select *, row_number() over (order by subject desc, occurred_at desc, audit_id desc) as place
          from audit_events
         where (subject, occurred_at, audit_id) >= ($6, $8, 0) and (subject, occurred_at, audit_id) < ($6, $9, $10)
         order by subject desc, occurred_at desc, audit_id desc limit $12) as looked_at
 cross join lateral (select ($1::text is null or event = $1) and ($2::text is null or outcome = $2)
                        and ($3::text is null or caller = $3) and ($4::text is null or actor_type = $4)
                        and ($5::text is null or actor_id = $5) and ($6::text is null or subject = $6)
                        and ($7::text is null or request_id = $7)) as asked (is_match)
 where is_match or place = $12
 order by subject desc, occurred_at desc, audit_id desc limit $11;

-- name: walk_by_time
-- The rows after the position ($1, $2) and before the instant $3, oldest first, at most $4.
select audit_events.*, details::text as details_text, seq
  from audit_events left join audit_seal using (audit_id)
 where (occurred_at, audit_id) > ($1, $2) and (occurred_at, audit_id) < ($3, 0)
 order by occurred_at, audit_id limit $4;
