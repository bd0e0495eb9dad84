-- A wrong code costs the same work whether a code was compared or the challenge is a decoy (SPEC §3.4).

-- `evaluated` alone in the predicate made each real guess write to every index, and none of a decoy's. `attempts > 0`
-- excludes nothing more; it makes every guess an update of an indexed column.
drop index challenges_evaluated;
create index challenges_evaluated on challenges (email_id, expires_at) where evaluated > 0 and attempts > 0;

-- Only a real challenge changes its state (by the fifth wrong code, by losing its place); a decoy's update fires the
-- trigger too.
create or replace function challenge_transition() returns trigger language plpgsql as $$
begin
    if (old.state, new.state) in (
        ('pending_send', 'sent'),
        ('pending_send', 'confirmed_pending_expire'), ('sent', 'confirmed_pending_expire'),
        ('pending_send', 'failed'), ('sent', 'failed'),
        ('pending_send', 'cancelled'), ('sent', 'cancelled')
    ) or old.state = new.state then
        return new;
    end if;
    raise exception 'challenge cannot go from % to %', old.state, new.state
        using errcode = 'check_violation', constraint = 'challenge_transition';
end $$;
drop trigger challenge_transition on challenges;
create trigger challenge_transition before update of state on challenges
    for each row execute function challenge_transition();
