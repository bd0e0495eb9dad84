-- Who may sign up (SPEC §20.4). Existing users always log in.

alter table settings add sign_up text not null default 'open' check (sign_up in ('open', 'invited', 'closed'));

-- Adding and withdrawing one locks the row of the address and raises its version, as a block does.
create table invitations (
    invitation_id text primary key check (invitation_id like 'invitation-%'),
    email_id      bigint not null unique references emails,
    email         text not null,
    created_by    text not null,
    created_at    timestamptz not null,
    expires_at    timestamptz not null,
    check (expires_at > created_at)
);
create index invitations_expires_at on invitations (expires_at);

-- Whether the address has an invitation that is not over.
create function is_invited(which bigint, at timestamptz) returns boolean
language sql stable parallel safe
return exists (select from invitations where email_id = which and expires_at > at);

-- Whether a new user of the address may sign up. Postgres writes this function into the statement that calls it, so while
-- everybody may sign up nothing is called and no table is opened.
create function may_sign_up(sign_up text, which bigint, at timestamptz) returns boolean
language sql stable parallel safe
return case sign_up when 'open' then true when 'invited' then is_invited(which, at) else false end;

create or replace function email_is_unused(which bigint) returns boolean
language sql stable parallel safe
return not exists (select from users where email_id = which)
   and not exists (select from blocks where email_id = which)
   and not exists (select from challenges where email_id = which)
   and not exists (select from login_codes where email_id = which)
   and not exists (select from mail_deliveries where email_id = which)
   and not exists (select from known_networks where email_id = which)
   and not exists (select from user_block_orders where email_id = which)
   and not exists (select from letters where email_id = which)
   and not exists (select from invitations where email_id = which);
