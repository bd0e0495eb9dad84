"""The steps that the owner takes after the first login (SPEC §10.2)."""
