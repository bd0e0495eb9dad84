"""The schema and its migrations. Queries stand beside their stores."""
