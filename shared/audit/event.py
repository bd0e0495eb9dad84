"""One row of the audit trail, as a value."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.kernel.actor import Actor


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """What was attempted, by whom, and how it ended. Ids only: no address, code, key or token, in no field.

    `event` is `security.` and what was attempted, verb first (`security.revoke_session`). `caller` is who was
    authenticated (`public`, `trusted_network`, …), `actor` who they said acted. `subject` is a `user-…` or
    `device-session-…` id or `email-<email_id>`, or None if nothing was found. `network` is the peer's, in canonical
    text, or None without one. `details` is JSON.
    """

    event: str
    outcome: str
    caller: str
    actor: Actor | None = None
    network: str | None = None
    request_id: str | None = None
    subject: str | None = None
    reason_code: str | None = None
    details: Mapping[str, object] = field(default_factory=dict[str, object])
