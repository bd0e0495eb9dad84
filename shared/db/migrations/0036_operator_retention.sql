-- Sessions of operators and API tokens go by their end, which is fixed when they are made: what retention reads (SPEC §5.4).
create index operator_sessions_expires_at on operator_sessions (expires_at);
create index api_tokens_expires_at on api_tokens (expires_at);
