"""Domain: what a token may be allowed to do (SPEC §10.7). A scope's word is contract: it is never renamed."""

from enum import StrEnum


class Scope(StrEnum):
    """One permission. Operators have all of them."""

    SESSIONS_READ = "sessions:read"
    SESSIONS_REVOKE = "sessions:revoke"
    USERS_READ = "users:read"
    USERS_WRITE = "users:write"
    USERS_DELETE = "users:delete"
    BLOCKS_READ = "blocks:read"
    BLOCKS_WRITE = "blocks:write"
    SETTINGS_READ = "settings:read"
    SETTINGS_WRITE = "settings:write"
    AUDIT_READ = "audit:read"
    MAILBOX_READ = "mailbox:read"
