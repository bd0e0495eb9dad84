-- name: end_public_blockers
-- Ends back ends of the public role that others have waited for longer than $1; how many.
select end_public_blockers($1);
