"""Retention: rows whose time is over are removed in small batches (SPEC §5.4)."""
