"""Domain: what the audit trail calls the subject of a mutation. Ids only, whatever an operator typed into a path."""

import re

_ID = re.compile(r"(?:user|device-session|operator|operator-session|token)-[0-9A-Za-z_-]{1,100}")


def audit_subject_of_email(email_id: int) -> str:
    """An address is named by its row: erasing a person leaves the trail whole."""
    return f"email-{email_id}"


def audit_subject_of_id(text: str) -> str | None:
    """The id itself; None for text that no id could be (an address typed in the wrong place, say)."""
    return text if _ID.fullmatch(text) else None
