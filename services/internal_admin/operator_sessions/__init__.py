"""Operators' sessions: opened by a login, carried as bearer or in a cookie, renewed and revoked (SPEC §10.4)."""
