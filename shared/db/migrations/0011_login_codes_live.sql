-- Finding the code of an address that lives must not read those that expired: any stranger can lengthen their row.

drop index login_codes_live;
create index login_codes_live on login_codes (email_id, expires_at) where ended_at is null;
