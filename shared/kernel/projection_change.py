"""Kernel: one piece of work for the relay (SPEC §6.3)."""

from dataclasses import dataclass

from shared.kernel.device_session import DeviceSession


@dataclass(frozen=True, slots=True)
class ProjectionChange:
    """An outbox row, and the session's state as the transaction that wrote the row left it."""

    outbox_id: int
    session: DeviceSession
