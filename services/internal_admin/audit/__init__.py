"""The audit trail: listed, sealed into a chain, watched, and removed by age (SPEC §10.8)."""
