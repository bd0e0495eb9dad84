-- Orders for the user service: blocks of which it was not told yet (SPEC §8).

-- name: insert_block_order
-- Places the order of a block on an address or a user; the other id is null. Run it in the block's transaction.
insert into user_block_orders (email_id, user_id, reason_code, ordered_at, next_attempt_at)
values (:email_id, :user_id, :reason_code, :ordered_at, :ordered_at)
on conflict do nothing;

-- name: withdraw_block_order
-- Withdraws the waiting order of an address or a user, if there is one.
delete from user_block_orders where email_id = :email_id or user_id = :user_id;

-- name: claim_block_orders
-- Leases up to :limit due orders for :lease, oldest first. Skips orders that another worker holds.
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
-- Ends an order. Returns no row if it was withdrawn meanwhile.
delete from user_block_orders where order_id = :order_id returning order_id;

-- name: put_off_block_order
-- Puts off an order, unless another worker claimed it since; the claim to put off counted :attempts.
update user_block_orders set next_attempt_at = clock_now() + :wait::interval where order_id = :order_id and attempts = :attempts;

-- name: count_block_orders
-- The number of waiting orders.
select count(*) from user_block_orders;
