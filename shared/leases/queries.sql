-- name: take_lease
-- Takes the lease $1 for $2, or renews it, for $3 from now; false if another holds it. Locks its row until the transaction ends.
select take_lease($1, $2, $3);

-- name: give_back_lease
-- Ends the lease $1 of $2, if it is theirs.
select give_back_lease($1, $2);
