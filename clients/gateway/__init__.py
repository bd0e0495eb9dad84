"""The reference gateway client (SPEC §6.5): sessions out of Redis, and signed requests checked. See README.md."""
