"""Health of connections: one process of all probes each accepted connection, and keeps what it found (SPEC §18.3)."""
