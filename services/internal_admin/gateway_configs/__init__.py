"""Gateway configurations, a kind of published configuration (SPEC §16.4)."""
