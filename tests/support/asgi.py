"""An ASGI app called without a server."""

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import anyio

Message = MutableMapping[str, Any]


@dataclass
class Answered:
    """The messages that the app sent."""

    messages: list[Message] = field(default_factory=list)

    @property
    def status(self) -> int:
        return self.messages[0]["status"]

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.messages[0]["headers"])

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages)


async def call(
    app: Callable[..., Awaitable[None]],
    method: str,
    target: str,
    headers: Sequence[tuple[bytes, bytes]] = (),
    pieces: Sequence[bytes | Callable[[], Awaitable[bytes]]] = (b"",),
    kind: str = "http",
) -> Answered:
    """`pieces` are the parts of the body. A piece that is a function is called and awaited for its bytes."""
    path, _, query = target.encode().partition(b"?")
    scope = {
        "type": kind, "method": method, "path": path.decode(), "raw_path": path, "query_string": query,
        "headers": list(headers),
    }  # fmt: skip
    waiting = list(pieces)
    answered = Answered()

    async def receive() -> Message:
        if not waiting:
            await anyio.sleep_forever()
        piece = waiting.pop(0)
        body = piece if isinstance(piece, bytes) else await piece()
        return {"type": "http.request", "body": body, "more_body": bool(waiting)}

    async def send(message: Message) -> None:
        answered.messages.append(message)

    await app(scope, receive, send)
    return answered
