"""System settings: read and changed by operators. A blocked domain ends its sessions (SPEC §5.2, §5.5, §10.2)."""
