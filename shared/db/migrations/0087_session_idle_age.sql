-- Sessions that nobody uses end (SPEC §20.5). Null: they do not.
alter table settings add session_idle_age interval
    check (session_idle_age between interval '7 days' and interval '365 days');

-- Since when nodes tell of last uses without a gap of a day, and when one told last. Without a row none ever did. A session
-- counts as unused only from `since` on, because nobody told of its uses in a gap.
create table last_use_reports (
    is_one   boolean primary key default true check (is_one),
    since    timestamptz not null,
    told_at  timestamptz not null,
    check (since <= told_at)
);

-- Since when nodes tell of last uses; null: none told in the last day. A node tells of a day's uses once, at any hour, so two
-- tellings may be a little more than a day apart.
create function last_uses_told_since() returns timestamptz language sql stable
return (select since from last_use_reports where told_at > clock_now() - interval '26 hours');

-- The name of a device goes with its session: the rows of ended sessions hold nothing that a person wrote.
create or replace function device_session_only_revoked() returns trigger language plpgsql as $$
begin
    if old.status = 'active'
       and (old.device_session_id, old.user_id, old.client_public_key, old.login_code_id, old.challenge_id, old.created_at)
           is not distinct from
           (new.device_session_id, new.user_id, new.client_public_key, new.login_code_id, new.challenge_id, new.created_at)
       and (new.status = 'revoked' or old.label is distinct from new.label)
    then
        if new.status = 'revoked' then
            new.label := null;
        end if;
        return new;
    end if;
    raise exception 'a device session can only be revoked, once, and named while it is active'
        using errcode = 'check_violation', constraint = 'device_session_only_revoked';
end $$;

-- Orders that wait for their publication are many while Redis is away, and a worker that looks for others reads past none of
-- them. An erasure finds the orders of a notice.
drop index session_orders_waiting;
create index session_orders_waiting on session_orders (order_id) where outcome is null;
create index session_orders_unpublished on session_orders (decided_at) where outcome is not null and published_at is null;
create index session_orders_of_token on session_orders (token_hash) where token_hash is not null;
