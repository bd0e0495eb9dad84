"""The end of every mail, from a hook or from `smtp_sink`: a datagram on loopback with address, line feed and code."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

RECEIVE_BUFFER = 4 * 2**20
"""Bytes asked of the system, so that a burst of mails finds room; a lost mail shows as a login that never ends."""

OnMail = Callable[[str, str], None]
"""Is told address and code; a mail without a code has an empty one."""


class MailSink:
    """Takes mails from the moment it is made, and tells of them while somebody listens."""

    def __init__(self) -> None:
        self._endpoint = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        self._endpoint.bind(("127.0.0.1", 0))
        self.port: int = self._endpoint.getsockname()[1]

    @asynccontextmanager
    async def telling(self, on_mail: OnMail) -> AsyncGenerator[None]:
        """Each mail is handed to `on_mail`, until the end of the block."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: _Mails(on_mail), sock=self._endpoint.dup())
        try:
            yield
        finally:
            transport.close()

    def close(self) -> None:
        self._endpoint.close()


class _Mails(asyncio.DatagramProtocol):
    def __init__(self, on_mail: OnMail) -> None:
        self._on_mail = on_mail

    def datagram_received(self, data: bytes, addr: object) -> None:
        del addr
        address, _, code = data.decode().partition("\n")
        self._on_mail(address, code)
