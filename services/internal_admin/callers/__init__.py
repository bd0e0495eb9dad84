"""Callers of the service: identities, requests, routes, and their names in the audit trail (SPEC §4, §10)."""
