"""Rows are removed in small batches at the end of their retention (SPEC §5.4)."""
