"""Device sessions: read, listed, revoked, and expired by age (SPEC §4, §5.3)."""
