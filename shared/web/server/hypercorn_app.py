"""Runs the ASGI app for one request on hypercorn's request stream. Hot routes need no framework and do not come here.

Hypercorn supplies the task group, the scope and its checks of the app's messages. It does not read the request, because
h11 takes quadratic time for some heads and bodies. `shared.web.server.http_connection` reads it
(docs/decisions/0042-the-wire.md).
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Any, cast

from hypercorn.config import Config
from hypercorn.protocol.events import Body, EndBody, Event, Request, Response
from hypercorn.protocol.http_stream import HTTPStream
from hypercorn.trio.task_group import TaskGroup
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState

from shared.http.request_head import Head
from shared.web.asgi import AsgiApp, Message, Receive, Send

_STREAM_ID = 1
_NO_TLS = False


def _config() -> Config:
    """Settings without server name and access log (metrics replace it), and with hypercorn's log in ours."""
    config = Config()
    config.include_server_header = False
    config.accesslog = None
    config.errorlog = logging.getLogger("hypercorn.error")
    return config


_CONFIG = _config()


async def run_app(
    app: AsgiApp,
    head: Head,
    peer: tuple[str, int] | None,
    receive: Receive,
    send: Send,
    give_up: Callable[[Exception], Awaitable[None]],
) -> None:
    """Run the app to its end. `receive` gives the body, `send` takes the answer, and `give_up` a fault of the app."""

    async def guarded(scope: Any, _receive: Any, send: Any, *_threads: Any) -> None:
        try:
            await app(scope, receive, send)
        except Exception as error:  # noqa: BLE001 - a fault of the app becomes an answer and ends only this connection
            await give_up(error)

    async def write(event: Event) -> None:
        message = _message(event)
        if message is not None:
            await send(message)

    async with TaskGroup() as tasks:
        stream = HTTPStream(
            cast(Any, guarded), _CONFIG, WorkerContext(None), tasks, _NO_TLS, peer, None, write, _STREAM_ID
        )
        await stream.handle(_request(head))


def _request(head: Head) -> Request:
    target = head.path + b"?" + head.query if head.query else head.path
    return Request(_STREAM_ID, head.fields, head.version, head.method, target, ConnectionState({}))


def _message(event: Event) -> Message | None:
    """The ASGI message for hypercorn's event, or None if it is no part of an answer."""
    if isinstance(event, Response):
        return {"type": "http.response.start", "status": event.status_code, "headers": event.headers}
    if isinstance(event, Body):
        return {"type": "http.response.body", "body": event.data, "more_body": True}
    if isinstance(event, EndBody):
        return {"type": "http.response.body", "body": b"", "more_body": False}
    return None
