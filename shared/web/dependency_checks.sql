-- name: read_read_only
-- A standby, or a server that takes no writes.
select current_setting('transaction_read_only') = 'on';

-- name: read_schema
-- The version, and whether the role has the right that tells its service from the other.
select max(version) as version, has_any_column_privilege(:table, :privilege) as has_right from schema_migrations;
