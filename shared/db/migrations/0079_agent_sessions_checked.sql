-- Reads every session once, under a lock that lets others insert and update.
alter table device_sessions validate constraint device_sessions_of_agents;
