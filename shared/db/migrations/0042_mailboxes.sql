-- Mails to `anna+shop@` are counted together with those to `anna@` (SPEC §3.6): null where both are the same address.

-- A release that does not know the column leaves it empty: what that one mails counts for its address alone.
alter table mail_deliveries add mailbox text;
create index mail_deliveries_mailbox on mail_deliveries (mailbox, state, queued_at) where mailbox is not null;
