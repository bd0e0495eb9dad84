-- Who keeps the projection and who seals the audit trail. Advisory locks were within reach of every role of the database;
-- a lease is taken by one function that knows who asks. A lease needs no session, so it can be held through any pooler.

create table leases (
    name       text primary key check (name in ('keeper', 'keeper of public', 'sealer')),
    holder     uuid,
    held_until timestamptz not null default '-infinity'
);
insert into leases (name) values ('keeper'), ('keeper of public'), ('sealer');

-- Takes or renews a lease; false: another holds it. The row stays locked until the transaction ends, so whatever it does is
-- done by the holder. Never waits. The public role may keep while no other process does, on a row of its own: whatever it
-- locks, the internal process takes its own.
create function take_lease(which text, by uuid, life interval) returns boolean
language plpgsql security definer set search_path from current as $$
declare
    is_public constant boolean := session_user = 'authsession_public';
    own constant text := which || case when is_public then ' of public' else '' end;
    now constant timestamptz := clock_timestamp();
begin
    if is_public and which <> 'keeper' or life > interval '1 minute' then
        raise exception 'this lease is not for this role, or not for so long' using errcode = 'insufficient_privilege';
    end if;
    if is_public and exists (select from leases where name = 'keeper' and held_until > now) then
        return false;
    end if;
    perform from leases where name = own and (holder = by or held_until <= now) for update skip locked;
    if not found then
        return false;
    end if;
    update leases set holder = by, held_until = now + life where name = own;
    return true;
end $$;
revoke all on function take_lease from public;

create function give_back_lease(which text, by uuid) returns void
language sql security definer set search_path from current
begin atomic
    update leases set held_until = '-infinity'
     where name = which || case when session_user = 'authsession_public' then ' of public' else '' end and holder = by;
end;
revoke all on function give_back_lease from public;

-- Whether the caller comes before the process that keeps: the internal process comes before the public one.
create function comes_before_the_keeper() returns boolean
language sql security definer stable set search_path from current
begin atomic
    select session_user <> 'authsession_public'
       and exists (select from leases where name = 'keeper of public' and held_until > clock_timestamp());
end;
revoke all on function comes_before_the_keeper from public;

-- While the internal process keeps, the public role changes nothing of it.
create function keeper_is_internal() returns trigger
language plpgsql security definer set search_path from current as $$
begin
    if exists (select from leases where name = 'keeper' and held_until > clock_timestamp()) then
        raise exception 'the internal process keeps the projection' using errcode = 'insufficient_privilege';
    end if;
    return new;
end $$;
revoke all on function keeper_is_internal from public;
create trigger keeper_is_internal before update on projection_keeper
    for each row when (session_user = 'authsession_public') execute function keeper_is_internal();
