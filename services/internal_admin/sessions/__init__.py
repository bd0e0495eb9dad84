"""Device sessions: read, listed, revoked, and ended by age (SPEC §4.1, §4.2, §5.3)."""
