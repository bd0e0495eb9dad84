"""One row of the audit trail, as a value."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from contracts.audit_events import EventName
from shared.kernel.actor import Actor


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One attempt with its parties and its end. It holds ids only: no address, code, key or token, in any field.

    `caller` is the authenticated one (`public`, `trusted_network`, …), and `actor` the one it claims to act for.
    `subject` is a `user-…` or `device-session-…` id or `email-<email_id>`, or None if nothing was found.
    `network` is the peer's in canonical text, or None without one. `details` is JSON.
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
