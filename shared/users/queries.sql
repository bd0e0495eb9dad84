-- name: lock_user_id
-- Locks a user id until the transaction ends, whether or not there is a row for it: the first login of a user of the
-- user service, and a block of one whom we never saw. Taken before any e-mail's row.
select pg_advisory_xact_lock(hashtextextended('user ' || :user_id, 0));
