-- name: lock_user_id
-- Locks a user id until the transaction ends, also if no row has it. The first login of a user of the user service
-- needs that, and so does a block of a user who never logged in here. Taken before the row of any e-mail.
select pg_advisory_xact_lock(hashtextextended('user ' || :user_id, 0));
