-- Letters that carry no login code (SPEC §20.3, §20.4): notices of new devices, and invitations.

-- The C collation, because others count marks as control characters that the labels of devices may have.
alter table device_sessions drop constraint device_sessions_label_check1, add constraint device_sessions_label_check1
    check (label !~ '[[:cntrl:]]' collate "C");

alter table settings add new_device_notice text not null default 'unknown_network'
    check (new_device_notice in ('off', 'unknown_network', 'every_login'));
-- People who know the product without notices get none unasked.
update settings set new_device_notice = 'off' where exists (select from users);

-- The right to end one session by the token in a notice's letter, for 30 days, once.
create table session_notices (
    notice_id         uuid primary key,
    device_session_id text not null unique references device_sessions on delete cascade,
    token_hash        bytea not null unique check (octet_length(token_hash) = 32),
    created_at        timestamptz not null,
    used_at           timestamptz
);
create index session_notices_created_at on session_notices (created_at);

-- A notice is about a session that was just opened, so the public role gives itself no right over older sessions.
create function notice_is_of_new_session() returns trigger
language plpgsql security definer set search_path from current as $$
begin
    if not exists (select from device_sessions
                    where device_session_id = new.device_session_id and created_at > owners_clock() - interval '1 minute') then
        raise exception 'a notice is about a session that was just opened' using errcode = 'insufficient_privilege';
    end if;
    new.created_at := owners_clock();
    new.used_at := null;
    return new;
end $$;
revoke all on function notice_is_of_new_session from public;
create trigger notice_is_of_new_session before insert on session_notices
    for each row when (session_user = 'authsession_public') execute function notice_is_of_new_session();

-- The queue of these letters, apart from that of login codes, which they neither count in nor delay. `sealed_token` is the
-- notice's token under AUTHSESSION_SEALING_KEYS, erased when the letter is finished. The development mailbox shows letters
-- of the stub transport, so that one keeps it (`is_kept`).
create table letters (
    letter_id         uuid primary key,
    kind              text not null check (kind in ('notice', 'invitation')),
    email_id          bigint not null references emails,
    email             text not null,
    locale            text not null,
    device_session_id text references device_sessions on delete cascade,
    time_zone         text,
    label             text,
    seal_key_id       text,
    sealed_token      bytea,
    is_kept           boolean not null default false,
    state             text not null default 'queued' check (state in ('queued', 'sent', 'suppressed', 'failed', 'abandoned')),
    reason            text,
    attempts          integer not null default 0,
    queued_at         timestamptz not null,
    next_attempt_at   timestamptz not null,
    expires_at        timestamptz not null,  -- no try after it
    finished_at       timestamptz,
    check ((finished_at is null) = (state = 'queued')),
    check (finished_at is null or sealed_token is null or is_kept),
    check ((seal_key_id is null) = (sealed_token is null)),
    check ((device_session_id is not null) = (kind = 'notice'))
) with (fillfactor = 80);
create index letters_due on letters (next_attempt_at) where state = 'queued';
create index letters_of_email on letters (email_id, queued_at);
create index letters_of_session on letters (device_session_id) where device_session_id is not null;
create index letters_queued_at on letters (queued_at);
