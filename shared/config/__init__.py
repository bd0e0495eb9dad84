"""The table of environment variables, their parsing, and the checks of production (SPEC §10.9, §12)."""
