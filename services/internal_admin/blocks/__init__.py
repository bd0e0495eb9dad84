"""Blocks: of addresses and users, set and ended, and told to the user service (SPEC §4.3)."""
