"""Orders of self-service: examined, carried out, and published (SPEC §20.2)."""
