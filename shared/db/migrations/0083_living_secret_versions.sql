-- Rows of destroyed versions stay, so the versions that still have a value are found by an index of their own.

create index secret_versions_living on secret_versions (secret_id, version) where state <> 'destroyed';
