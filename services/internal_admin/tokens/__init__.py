"""API tokens: created, listed and revoked by operators, presented by services (SPEC §10.7)."""
