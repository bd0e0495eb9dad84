-- What one network sends to addresses that are new to *it* is counted, whatever became of each send (SPEC §9.2). Counted by what anybody
-- knows, or by what was mailed, what was left of the limit told strangers which address has an account (SPEC §3.4).
drop index mail_deliveries_new_address;
create index mail_deliveries_new_address on mail_deliveries (network_tag, queued_at) where to_new_address;
