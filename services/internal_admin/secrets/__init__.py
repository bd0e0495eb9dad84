"""Secrets: values that the database keeps sealed, with scopes, versions and grants (SPEC §17)."""
