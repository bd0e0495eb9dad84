"""Users: found, listed, given another address, deleted (SPEC §4.5)."""
