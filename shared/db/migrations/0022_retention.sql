-- How long rows are kept (SPEC §5.4), and indexes that make each removal read only what it removes.

-- Lower bounds: challenges outlive every window of 24 h that is counted over them (SPEC §3.1), a network is known for
-- 90 days (§3.6), a revoked session's gateway record lives for 30 (§6.1), and no block goes while it may still be extended.
alter table settings
    add challenge_retention interval not null default '7 days'
        check (challenge_retention between '25 hours' and '3650 days'),
    add known_network_retention interval not null default '90 days'
        check (known_network_retention between '90 days' and '3650 days'),
    add revoked_session_retention interval not null default '90 days'
        check (revoked_session_retention between '30 days' and '3650 days'),
    add expired_block_retention interval not null default '30 days'
        check (expired_block_retention between '1 hour' and '3650 days');

-- What is old. Challenges and revoked sessions have theirs; a delivery goes with its challenge.
create index login_codes_expires_at on login_codes (expires_at);
create index known_networks_confirmed_at on known_networks (confirmed_at);
create index blocks_expires_at on blocks (expires_at) where expires_at is not null;
drop index mail_deliveries_queued_at;

-- What points at an address. A foreign key's check cannot use a partial index, and would read the whole table for each
-- address that goes: so these are whole, and lead the reads of live rows to the same place as before.
create index login_codes_email on login_codes (email_id, ended_at, expires_at);
drop index login_codes_live;
create index challenges_email on challenges (email_id, state, expires_at);
drop index challenges_live;
create index mail_deliveries_email on mail_deliveries (email_id, state, queued_at);
drop index mail_deliveries_counted;

-- Whether nothing is left of an address but its row. A table that comes to point at `emails` is added here:
-- tests/integration/internal_admin/test_retention.py compares this with the foreign keys there are.
create function email_is_unused(which bigint) returns boolean
language sql stable parallel safe
return not exists (select from users where email_id = which)
   and not exists (select from blocks where email_id = which)
   and not exists (select from challenges where email_id = which)
   and not exists (select from login_codes where email_id = which)
   and not exists (select from mail_deliveries where email_id = which)
   and not exists (select from known_networks where email_id = which)
   and not exists (select from user_block_orders where email_id = which);
