"""Changes: a mutation publishes its gateway records, and happens once under an Idempotency-Key (SPEC §4)."""
