-- A network's further sends to an address rewrite one of its challenges, whether they are real or withheld (SPEC §3.4).
create index challenges_withheld on challenges (email_id, network_tag, expires_at) where login_code_id is null;
