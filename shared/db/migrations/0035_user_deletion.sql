-- A user may be erased while sessions of theirs stay, revoked, until their time is over (SPEC §5.4): so a session's user
-- need not exist. One that is active has a user: sessions are made, and users erased, holding the e-mail's row.
alter table device_sessions drop constraint device_sessions_user_id_fkey;
