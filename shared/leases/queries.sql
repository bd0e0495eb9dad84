-- name: take_lease
-- Takes the lease for :holder, or renews it; false if another holds it. Locks its row until the transaction ends.
select take_lease(:name, :holder, :life);

-- name: give_back_lease
-- Ends the lease, if :holder has it.
select give_back_lease(:name, :holder);
