"""A device session: one registered public key of a user (SPEC §5). It goes from active to revoked and never back."""

from dataclasses import dataclass
from datetime import datetime

from contracts.session_status import SessionStatus
from shared.kernel.actor import Actor
from shared.kernel.client_key import ClientPublicKey


@dataclass(frozen=True, slots=True)
class DeviceSession:
    """The state of one session. `revoked_at`, reason and actor are set exactly when the session is revoked."""

    device_session_id: str
    user_id: str
    client_public_key: ClientPublicKey
    status: SessionStatus
    created_at: datetime
    revoked_at: datetime | None = None
    revoke_reason_code: str | None = None
    revoke_actor: Actor | None = None
