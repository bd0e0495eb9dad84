-- Lock order everywhere: emails, then device_sessions, then the rest.

-- name: read_standing_block
-- The block on an address or a user (the other id is null), with the instant that decides whether it has expired.
select now.instant as now, blocks.block_id, blocks.expires_at
  from (select clock_now() as instant) as now
  left join blocks on blocks.email_id = :email_id or blocks.user_id = :user_id;

-- name: insert_block
-- Blocks a subject that has no block row.
insert into blocks (email_id, user_id, expires_at, reason_code, actor_type, actor_id, created_at)
values (:email_id, :user_id, :expires_at, :reason_code, :actor_type, :actor_id, :created_at);

-- name: change_block_expiry
-- Changes the end of a block that stands. Its actor and its reason stay.
update blocks set expires_at = :expires_at where block_id = :block_id;

-- name: delete_block
-- Ends a block.
delete from blocks where block_id = :block_id;

-- name: list_blocks
-- Blocks that have not expired, newest first, before :before_block_id, at most :limit.
select blocks.*, emails.folded
  from blocks left join emails using (email_id)
 where blocks.block_id < :before_block_id and (blocks.expires_at is null or blocks.expires_at > (select clock_now()))
 order by blocks.block_id desc
 limit :limit;

-- name: read_block_of_email
-- The block on a case-folded address, unless it has expired.
select blocks.*, emails.folded
  from blocks join emails using (email_id)
 where emails.folded = :folded and (blocks.expires_at is null or blocks.expires_at > clock_now());

-- name: read_block_of_user
-- The block on a user, unless it has expired.
select blocks.*, null as folded
  from blocks
 where blocks.user_id = :user_id and (blocks.expires_at is null or blocks.expires_at > clock_now());
