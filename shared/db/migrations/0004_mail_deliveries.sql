-- The mail queue. Every send writes one row; one that mails nothing is born finished.

create table mail_deliveries (
    delivery_id     uuid primary key,
    challenge_id    text not null unique references challenges on delete cascade,
    login_code_id   uuid references login_codes,
    email_id        bigint not null references emails,
    email           text not null,
    locale          text not null,
    network_tag     bytea not null check (octet_length(network_tag) = 16),
    to_new_address  boolean not null,            -- the address had never confirmed (SPEC §9.2)
    state           text not null check (state in (
                        'queued', 'sent', 'suppressed', 'failed', 'abandoned', 'decoy')),
    reason          text,                        -- why nothing was mailed, or why it failed
    attempts        integer not null default 0,
    queued_at       timestamptz not null,
    next_attempt_at timestamptz not null,        -- also the end of a claim's lease
    finished_at     timestamptz,
    check ((finished_at is null) = (state = 'queued')),
    check (state not in ('queued', 'sent') or login_code_id is not null)
) with (fillfactor = 80);
create index mail_deliveries_due on mail_deliveries (next_attempt_at) where state = 'queued';
-- Mails that count against the budgets of SPEC §3.6: one that never left does not.
create index mail_deliveries_counted on mail_deliveries (email_id, queued_at) where state in ('queued', 'sent');
create index mail_deliveries_new_address on mail_deliveries (network_tag, queued_at)
    where to_new_address and state in ('queued', 'sent');
create index mail_deliveries_queued_at on mail_deliveries (queued_at);
create index mail_deliveries_login_code_id on mail_deliveries (login_code_id);
