"""The audit trail: listed, sealed into a chain, checked, watched, and removed by age (SPEC §4.4, §10.8)."""
