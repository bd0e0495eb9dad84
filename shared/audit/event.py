"""A row of the audit trail as a value."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from contracts.audit_events import EventName
from shared.kernel.actor import Actor


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """An attempt, its parties and its outcome. No field holds an e-mail address, a code, a key or a token.

    `caller` is the authenticated party (`public`, `trusted_network`, …), and `actor` the cause that it names.
    `subject` is a `user-…` or `device-session-…` id or `email-<email_id>`, or None if nothing was found.
    `network` is the peer's network in canonical text, or None. `details` must be JSON values.
    """

    event: EventName
    outcome: str
    caller: str
    actor: Actor | None = None
    network: str | None = None
    request_id: str | None = None
    subject: str | None = None
    reason_code: str | None = None
    details: Mapping[str, object] = field(default_factory=dict[str, object])
