-- name: end_public_blockers
-- Ends back ends of the public role that others have waited for longer than :patience. Returns their number.
select end_public_blockers(:patience);
