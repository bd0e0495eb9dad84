-- Lock order everywhere: emails, then device_sessions, then the rest.

-- name: read_standing_block
-- The block on a subject: an address ($1) or a user ($2); with the instant that decides whether it has expired.
select now.instant as now, blocks.block_id, blocks.expires_at
  from (select clock_now() as instant) as now
  left join blocks on blocks.email_id = $1 or blocks.user_id = $2;

-- name: insert_block
-- Blocks a subject that has no block row.
insert into blocks (email_id, user_id, expires_at, reason_code, actor_type, actor_id, created_at)
values ($1, $2, $3, $4, $5, $6, $7);

-- name: change_block_expiry
-- Another end for a block that stands; who set it and why stay.
update blocks set expires_at = $2 where block_id = $1;

-- name: delete_block
-- Ends a block.
delete from blocks where block_id = $1;

-- name: list_blocks
-- Blocks that have not expired, newest first, from before $1, at most $2.
select blocks.*, emails.folded
  from blocks left join emails using (email_id)
 where blocks.block_id < $1 and (blocks.expires_at is null or blocks.expires_at > (select clock_now()))
 order by blocks.block_id desc
 limit $2;

-- name: read_block_of_email
-- The block on a case-folded address, unless it has expired.
select blocks.*, emails.folded
  from blocks join emails using (email_id)
 where emails.folded = $1 and (blocks.expires_at is null or blocks.expires_at > clock_now());

-- name: read_block_of_user
-- The block on a user, unless it has expired.
select blocks.*, null as folded
  from blocks
 where blocks.user_id = $1 and (blocks.expires_at is null or blocks.expires_at > clock_now());
