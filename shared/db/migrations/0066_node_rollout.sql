-- The rollout reads the active nodes of a pool in pages (SPEC §16.5).
create index nodes_active_of_pool on nodes (pool, node_id) where status = 'active';

-- The day on which gateways last let a session pass. Nodes report it with their status (SPEC §16.3).
create table session_last_seen (
    device_session_id text primary key references device_sessions on delete cascade,
    day               date not null
) with (fillfactor = 50);
