"""Logs, metrics and traces, which by construction hold no secrets (SPEC §13.2)."""
