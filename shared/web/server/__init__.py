"""The HTTP server: listeners, connections and their limits (SPEC §13)."""
