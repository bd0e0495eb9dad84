-- The health of connections (SPEC §18.3). The release before writes none of these rows.

alter table connection_states drop constraint connection_states_status_check;
alter table connection_states
    add constraint connection_states_status_check check (status in ('unknown', 'healthy', 'degraded', 'failing')),
    add column revision      integer not null default 0,  -- the one that the status is about; 0: none was probed
    add column is_slow       boolean not null default false,  -- the last probe took long
    add column probing_until timestamptz;  -- nobody else probes it until then

-- One process of all probes.
insert into leases (name) values ('connection_health');
