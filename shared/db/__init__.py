"""The schema and its migrations. Queries live beside their stores, not here."""
