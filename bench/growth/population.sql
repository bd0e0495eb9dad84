-- A database as it is after a year: sessions over 360 days, four for each of most people; three in twenty are revoked, within
-- the last 90 days (what was revoked earlier has gone by retention); login codes, challenges and mails of the last 7 days;
-- an audit row and its seal for each session. Twenty people have 50 sessions each, one has 5,000, spread over the year.
--
-- Ids are as long as real ones, sort by time as they do, and come before those that are made now. Foreign keys hold and
-- are not checked: that would take minutes.

-- name: forget_indexes
-- Drops all indexes that are no constraint's and keeps their definitions: building them at the end is faster.
create temporary table definitions as
select indexdef as definition, format('%I.%I', schemaname, indexname) as index
  from pg_indexes
 where schemaname = 'authsession' and tablename in
       ('users', 'device_sessions', 'challenges', 'login_codes', 'mail_deliveries', 'known_networks', 'audit_events',
        'audit_seal')
   and not exists (select from pg_constraint where conname = indexname);
do $$ declare forgotten text; begin
    for forgotten in select index from definitions loop execute 'drop index ' || forgotten; end loop;
end $$;

-- name: build_indexes
-- Those again.
do $$ declare known text; begin
    for known in select definition from definitions loop execute known; end loop;
end $$;

-- name: describe_people
-- The people of {sessions} sessions. Numbers 1 to 20 will have 50 sessions each, 21 will have 5,000.
create temporary table people as
select number, 'person' || number || '@example.com' as email, clock_now() - interval '360 days' as born,
       'user-' || lpad(to_hex((extract(epoch from clock_now() - interval '360 days') * 1000)::bigint), 12, '0')
               || lpad(to_hex(number), 14, '0') as user_id
  from generate_series(1, 21 + ({sessions} - 6000) / 4) as number;
create unique index on people (number) include (user_id, email);
analyze people;

-- name: insert_people
insert into emails (email_id, folded, created_at) overriding system value select number, email, born from people;
select setval(pg_get_serial_sequence('emails', 'email_id'), max(number)) from people;
insert into users (user_id, email_id, email, preferred_language, time_zone, created_at)
select user_id, number, email, 'en', 'Europe/Berlin', born from people;
insert into known_networks (email_id, network_tag, confirmed_at)
select number, substr(sha256(('network' || number)::bytea), 1, 16), clock_now() - interval '20 days' from people;

-- name: describe_sessions
-- The sessions {first} to {last} of {sessions}: n for short.
create temporary table past as
select n as number, owner.person, people.user_id, people.email, place.born, fate.revoked_at,
       lpad(to_hex((extract(epoch from place.born) * 1000)::bigint), 12, '0') || substr(md5(n::text), 1, 14) as id,
       (lpad(to_hex((extract(epoch from place.born) * 1000)::bigint), 12, '0') || '7'
        || substr(md5('code' || n), 1, 19))::uuid as login_code_id,
       sha256(('key' || n)::bytea) as key
  from generate_series({first}::bigint, {last}::bigint) as n
       cross join lateral (select clock_now() - interval '360 days' * (1 - n::float8 / {sessions}) as born,
                                  n % ({sessions} / 50) as turn, n % ({sessions} / 5000) = 1 as is_of_the_busiest) as place
       cross join lateral (select case when is_of_the_busiest then 21
                                       when turn % 2 = 0 and turn < 40 then 1 + turn / 2
                                       else 22 + (hashint8(n) + 2147483648) % (({sessions} - 6000) / 4) end as person) as owner
       cross join lateral (select case when owner.person > 20 and n / 2 % 20 in (3, 11, 16)
                                       then greatest(place.born, clock_now() - interval '89 days' * (n * 40503 % 1000) / 1000)
                                   end as revoked_at) as fate
       join people on people.number = owner.person;

-- name: insert_sessions
insert into device_sessions (device_session_id, user_id, client_public_key, login_code_id, challenge_id, created_at, status,
                             revoked_at, revoke_reason_code, revoke_actor_type)
select 'device-session-' || id, user_id, key, login_code_id, 'challenge-' || id, born,
       case when revoked_at is null then 'active' else 'revoked' end, revoked_at,
       case when revoked_at is not null then 'lost_device' end, case when revoked_at is not null then 'support' end
  from past;
insert into audit_events (audit_id, occurred_at, event, outcome, caller, network, request_id, subject, details)
       overriding system value
select number, born, 'security.create_session', 'created', 'public', '192.0.2.7', id, 'device-session-' || id,
       jsonb_build_object('user_id', user_id) from past;
insert into audit_seal (seq, audit_id, key_id, mac) select number, number, 'k1', key from past;
select setval(pg_get_serial_sequence('audit_events', 'audit_id'), max(number)) from past;
update audit_sealer set floor = greatest(floor, (select max(number) from past));  -- else the sealer reads them all once more

-- name: insert_logins
-- The rows that are left of the logins of the last 7 days.
delete from past where born < clock_now() - interval '7 days';
insert into login_codes (login_code_id, email_id, email, key_id, salt, mac, created_at, expires_at, ended_at)
select login_code_id, person, email, 'k1', substr(key, 1, 16), key, born, born + interval '10 minutes', born from past;
insert into challenges (challenge_id, email_id, email, login_code_id, network_tag, preferred_language, state, created_at,
                        expires_at, confirmed_at)
select 'challenge-' || id, person, email, login_code_id, substr(sha256(('network' || person)::bytea), 1, 16), 'en',
       'confirmed_pending_expire', born, born + interval '10 minutes', born from past;
insert into mail_deliveries (delivery_id, challenge_id, login_code_id, email_id, email, locale, network_tag, to_new_address,
                             state, queued_at, next_attempt_at, finished_at)
select login_code_id, 'challenge-' || id, login_code_id, person, email, 'en',
       substr(sha256(('network' || person)::bytea), 1, 16), false, 'sent', born, born, born from past;
drop table past;

-- name: give_sessions_again
-- Fifty new active sessions for a person of fifty, in the place of those that were revoked.
with gone as (
    delete from device_sessions where user_id = :user_id
    returning *
)
insert into device_sessions (device_session_id, user_id, client_public_key, login_code_id, challenge_id, created_at)
select overlay(device_session_id placing right(md5(random()::text), 13) from 29), user_id, client_public_key,
       gen_random_uuid(), overlay(challenge_id placing right(md5(random()::text), 13) from 24), created_at from gone
