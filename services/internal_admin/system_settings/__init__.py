"""System settings: read and changed by operators; a blocked e-mail domain revokes its sessions (SPEC §11)."""
