"""Flow: read one session."""

from functools import partial

from services.internal_admin.sessions import store_reading
from shared.io.postgres import Postgres
from shared.kernel.device_session import DeviceSession


async def read_session(device_session_id: str, postgres: Postgres) -> DeviceSession | None:
    """The session as Postgres has it, None if there is none."""
    return await postgres.unit_of_work(partial(store_reading.read_session, device_session_id=device_session_id))
