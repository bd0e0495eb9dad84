-- name: take_lease
-- Takes the lease for :holder, or renews it; false if another holder has it.
-- Locks the lease's row until the transaction ends.
select take_lease(:name, :holder, :life);

-- name: give_back_lease
-- Ends the lease if :holder has it. Locks the lease's row.
select give_back_lease(:name, :holder);
