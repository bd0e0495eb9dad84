-- name: read_read_only
-- Whether the server accepts no writes, for example as a standby. Locks nothing.
select current_setting('transaction_read_only') = 'on';

-- name: read_schema
-- The version of the schema, and whether the role has the right that only its service has. Locks nothing.
select max(version) as version, has_any_column_privilege(:table, :privilege) as has_right from schema_migrations;
