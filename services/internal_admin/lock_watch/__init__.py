"""The lock watch ends back ends of the public role that others wait for too long (SPEC §1.2)."""
