"""The guard before every route: it authenticates, admits, limits and refuses callers (SPEC §4.5, §4.6, §10.6)."""
