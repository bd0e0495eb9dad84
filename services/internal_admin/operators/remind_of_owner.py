"""Flow: says once, when the process starts, how an installation without an owner gets one (SPEC §10.1)."""

import logging
from functools import partial

import trio

from services.internal_admin.operators.store.setup import read_owner_setup
from shared.io.postgres import Postgres
from shared.lifecycle.supervision import weather

_log = logging.getLogger("authsession.operators.owner_reminder")
_PATIENCE_SECONDS = 5.0


async def remind_of_owner(postgres: Postgres) -> None:
    """Ends when Postgres has answered, however long that takes."""
    while True:
        with weather("owner reminder"):
            setup = await postgres.unit_of_work(partial(read_owner_setup, registration_token=None))
            if not setup.has_owner:
                _log.info("there is no owner yet: `authsession operator setup-code` prints a code that claims it")
            return
        await trio.sleep(_PATIENCE_SECONDS)
