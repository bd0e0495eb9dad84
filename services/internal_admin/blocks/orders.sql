-- Orders for the user service: blocks it is still to be told of (SPEC §8).

-- name: insert_block_order
-- The order of a block: on an address ($1) or a user ($2). Goes into the block's transaction.
insert into user_block_orders (email_id, user_id, reason_code, ordered_at, next_attempt_at) values ($1, $2, $3, $4, $4)
on conflict do nothing;

-- name: withdraw_block_order
-- Takes back the order that waits for an address ($1) or a user ($2), if one does.
delete from user_block_orders where email_id = $1 or user_id = $2;

-- name: claim_block_orders
-- Leases up to $1 due orders for $2, oldest first; skips what another worker holds.
with due as (
    select order_id from user_block_orders
     where next_attempt_at <= clock_now()
     order by next_attempt_at limit $1
       for no key update skip locked
)
update user_block_orders o
   set attempts = o.attempts + 1, next_attempt_at = clock_now() + $2::interval
  from due
 where o.order_id = due.order_id
returning o.order_id, o.email_id, o.user_id, o.reason_code, o.attempts,
          (select e.folded from emails e where e.email_id = o.email_id) as email;

-- name: delete_block_order
-- Ends an order; no row if it was withdrawn meanwhile.
delete from user_block_orders where order_id = $1 returning order_id;

-- name: put_off_block_order
-- Puts off an order whose claim, the $2nd, nobody took over.
update user_block_orders set next_attempt_at = clock_now() + $3::interval where order_id = $1 and attempts = $2;

-- name: count_block_orders
-- How many the user service was not told of yet.
select count(*) from user_block_orders;
