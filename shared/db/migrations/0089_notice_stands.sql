-- Whether there is a notice with this token (SPEC §20.3). The public role may ask, and files no order for another text: anybody
-- can send one without end, and each order takes a transaction of the internal process. The role reads no hash by it.
create function notice_stands(which bytea) returns boolean
language sql stable security definer set search_path from current
begin atomic
    select exists (select from session_notices where token_hash = which);
end;
revoke all on function notice_stands from public;
