-- Orders for the user service: blocks it is still to be told of (SPEC §8).

-- name: insert_block_order
-- The order of a block, on an address or a user: the other id is null. Goes into the block's transaction.
insert into user_block_orders (email_id, user_id, reason_code, ordered_at, next_attempt_at)
values (:email_id, :user_id, :reason_code, :ordered_at, :ordered_at)
on conflict do nothing;

-- name: withdraw_block_order
-- Takes back the order that waits for an address or a user, if one does.
delete from user_block_orders where email_id = :email_id or user_id = :user_id;

-- name: claim_block_orders
-- Leases up to :limit due orders for :lease, oldest first; skips what another worker holds.
with due as (
    select order_id from user_block_orders
     where next_attempt_at <= clock_now()
     order by next_attempt_at limit :limit
       for no key update skip locked
)
update user_block_orders o
   set attempts = o.attempts + 1, next_attempt_at = clock_now() + :lease::interval
  from due
 where o.order_id = due.order_id
returning o.order_id, o.email_id, o.user_id, o.reason_code, o.attempts,
          (select e.folded from emails e where e.email_id = o.email_id) as email;

-- name: delete_block_order
-- Ends an order; no row if it was withdrawn meanwhile.
delete from user_block_orders where order_id = :order_id returning order_id;

-- name: put_off_block_order
-- Puts off an order whose claim, which counted :attempts, nobody took over.
update user_block_orders set next_attempt_at = clock_now() + :wait::interval where order_id = :order_id and attempts = :attempts;

-- name: count_block_orders
-- How many the user service was not told of yet.
select count(*) from user_block_orders;
