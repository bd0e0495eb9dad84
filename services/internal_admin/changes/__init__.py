"""Changes: a mutation ends after its gateway records are published, and happens once under an Idempotency-Key (SPEC §4)."""
