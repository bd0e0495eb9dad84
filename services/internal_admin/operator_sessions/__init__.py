"""Operator sessions: opened by a login, carried in a cookie, renewed and revoked (SPEC §10.3)."""
