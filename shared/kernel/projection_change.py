"""A change of a session that the relay has to publish (SPEC §6.3)."""

from dataclasses import dataclass

from shared.kernel.device_session import DeviceSession


@dataclass(frozen=True, slots=True)
class ProjectionChange:
    """The id of an outbox row, and the state of its session after the transaction that wrote the row."""

    outbox_id: int
    session: DeviceSession
