"""The public process with a mail hook, as the peers have one: it hands the code to a datagram socket on SINK_PORT."""

import os
import socket
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta

from services.public_auth import wiring
from services.public_auth.mail.transport import Delivered, DeliveryOutcome, Letter
from services.public_auth.settings import read_settings
from shared.process import run_process


class SinkTransport:
    """Delivers in one system call."""

    timeout = timedelta(seconds=1)

    def __init__(self, endpoint: socket.socket, port: int) -> None:
        self._endpoint, self._address = endpoint, ("127.0.0.1", port)

    async def deliver(self, letter: Letter, timeout: timedelta) -> DeliveryOutcome:
        del timeout
        self._endpoint.sendto(f"{letter.email}\n{letter.code}".encode(), self._address)
        return Delivered()


@asynccontextmanager
async def _sink_transport(*_: object, **__: object) -> AsyncGenerator[SinkTransport]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as endpoint:
        yield SinkTransport(endpoint, int(os.environ["SINK_PORT"]))


if __name__ == "__main__":
    wiring.open_transport = _sink_transport
    sys.exit(run_process(read_settings, wiring.run))
