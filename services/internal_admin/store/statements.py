"""Store: the SQL of this service, by name."""

from shared.io import queries

SQL = queries.load_texts("services.internal_admin.store")
