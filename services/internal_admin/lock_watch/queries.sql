-- name: end_public_blockers
-- Ends back ends of the public role that others have waited for longer than :patience; how many.
select end_public_blockers(:patience);
