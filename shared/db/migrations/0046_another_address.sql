-- No role may change a user or a login code. Giving a user another address needs exactly one such change, so it has exactly one
-- door: this function, which does nothing else.

-- Moves a user to the row of an address, in a spelling of it, and ends the codes mailed to the row they leave. Call it holding both rows.
create function move_user(which text, to_email_id bigint, to_email text) returns void
language plpgsql security definer set search_path from current as $$
declare
    left_email_id bigint;
begin
    select email_id into strict left_email_id from users where user_id = which;
    if not exists (select from emails where email_id = to_email_id and folded = lower(to_email)) then
        raise exception 'the address is not of this row' using errcode = 'insufficient_privilege';
    end if;
    update users set email_id = to_email_id, email = to_email where user_id = which;
    if left_email_id <> to_email_id then
        update login_codes set ended_at = clock_timestamp(), sealed_code = null, seal_key_id = null
         where email_id = left_email_id and ended_at is null and expires_at > clock_timestamp();
    end if;
end $$;
revoke all on function move_user from public;
