"""ASGI 3 middleware without a framework: only signed requests of active sessions reach the app.

The app finds the session, a `GatewayRecord`, in `scope["device_session"]`, and reads the body as usual. The middleware
reads the whole body first, because its hash must be checked before any of it is used.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final, TypeAlias

from clients.gateway.request_check import RequestCheck
from contracts.encoding import encode
from contracts.gateway import GatewayRecord
from contracts.signed_request import AUTHENTICATION_SCHEME, REFUSAL_STATUS, RequestRefusal, http_message_type

Message: TypeAlias = MutableMapping[str, Any]
Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

BODY_LIMIT = 1 << 20
SESSION_KEY: Final = "device_session"
_MESSAGES = {
    RequestRefusal.UNSUPPORTED_PROTOCOL_VERSION: "this protocol version is not spoken here",
    RequestRefusal.INVALID_ENVELOPE: "a header of the signed request is missing, repeated or malformed",
    RequestRefusal.SESSION_UNKNOWN: "no such device session",
    RequestRefusal.SESSION_REVOKED: "the device session is revoked",
    RequestRefusal.SESSIONS_UNAVAILABLE: "sessions cannot be checked at the moment",
    RequestRefusal.PAYLOAD_TOO_LARGE: "the body is too large",
    RequestRefusal.PAYLOAD_HASH_MISMATCH: "the body is not the one that was signed",
    RequestRefusal.INVALID_SIGNATURE: "the signature is wrong",
    RequestRefusal.TIMESTAMP_OUT_OF_WINDOW: "the request was not signed just now",
    RequestRefusal.REQUEST_REPLAYED: "the request was taken before",
}


class SignedRequests:
    """Wraps an app. `body_limit` is in bytes.

    Lifespan messages pass through. Any other scope is closed with code 1008: a WebSocket could outlive its session.
    """

    def __init__(self, app: App, check: RequestCheck, *, body_limit: int = BODY_LIMIT) -> None:
        self._app = app
        self._check = check
        self._body_limit = body_limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match scope["type"]:
            case "lifespan":
                await self._app(scope, receive, send)
            case "http":
                await self._serve(scope, receive, send)
            case _:
                await send({"type": "websocket.close", "code": 1008})

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        claim = await self._check.identify(scope["headers"])
        if isinstance(claim, RequestRefusal):
            await _refuse(send, claim)
            return
        body = await _read_body(receive, self._body_limit)
        if body is None:  # the client is gone
            return
        judged = (
            body if isinstance(body, RequestRefusal) else await self._check.prove(claim, _message_type(scope), body)
        )
        if isinstance(judged, GatewayRecord):
            assert isinstance(body, bytes)
            await self._app({**scope, SESSION_KEY: judged}, _again(body, receive), send)
        else:
            await _refuse(send, judged)


def _message_type(scope: Scope) -> str:
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    return http_message_type(scope["method"], path, scope["query_string"])


async def _read_body(receive: Receive, limit: int) -> bytes | RequestRefusal | None:
    """The whole body, or its refusal; None if the client has disconnected."""
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        piece: bytes = message.get("body", b"")
        size += len(piece)
        if size > limit:
            return RequestRefusal.PAYLOAD_TOO_LARGE
        pieces.append(piece)
        if not message.get("more_body", False):
            return b"".join(pieces)


def _again(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body again, and then every later message."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return messages.pop() if messages else await receive()

    return receive_again


async def _refuse(send: Send, refusal: RequestRefusal) -> None:
    body = encode({"error": {"code": refusal.value, "message": _MESSAGES[refusal]}})
    status = REFUSAL_STATUS[refusal]
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    if status == 401:
        headers.append((b"www-authenticate", AUTHENTICATION_SCHEME.encode()))
    if status == 503:
        headers.append((b"retry-after", b"1"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
