"""The server: listeners, places, connections and exchanges (SPEC §13)."""
