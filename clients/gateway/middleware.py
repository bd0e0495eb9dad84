"""ASGI 3 middleware without a framework: only signed requests of active sessions reach the app.

The app finds the session, a `GatewayRecord`, in `scope["device_session"]`, and reads the body as usual. The middleware
reads the whole body first, because its hash must be checked before any of it is used. On a route that requires nothing
`scope["device_session"]` is None, and the body is passed on piece by piece.
"""

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias

from clients.gateway.configured import Rules
from clients.gateway.cors import preflight_answer, with_origin
from clients.gateway.request_check import RequestCheck
from contracts.cors import allowed_origin, are_sound_origins
from contracts.encoding import encode
from contracts.gateway import GatewayRecord
from contracts.gateway_configuration import GatewayConfiguration
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
    RequestRefusal.SESSION_TOO_OLD: "this needs a newer login",
    RequestRefusal.PAYLOAD_TOO_LARGE: "the body is too large",
    RequestRefusal.PAYLOAD_HASH_MISMATCH: "the body is not the one that was signed",
    RequestRefusal.INVALID_SIGNATURE: "the signature is wrong",
    RequestRefusal.TIMESTAMP_OUT_OF_WINDOW: "the request was not signed just now",
    RequestRefusal.REQUEST_REPLAYED: "the request was taken before",
}


class Source(Protocol):
    """The rules for the next request, and the counts of requests. `ConfiguredGateway` is one."""

    @property
    def current(self) -> Rules: ...

    @property
    def counts(self) -> "Tally": ...


class Tally(Protocol):
    def passed(self, session: GatewayRecord | None) -> None: ...

    def refused(self, refusal: RequestRefusal) -> None: ...


class SignedRequests:
    """Wraps an app. With a `RequestCheck` every request must be signed, and `body_limit` is in bytes (1 MiB).

    `cors_origins` are the origins of pages that may call: exact ones such as `https://app.example.com`, or `*` alone.

    With a `ConfiguredGateway` its configuration of that moment judges each request, and says the limit of the body and
    the origins.

    Lifespan messages pass through. Any other scope is closed with code 1008: a WebSocket could outlive its session.
    """

    def __init__(
        self,
        app: App,
        check: RequestCheck | Source,
        *,
        body_limit: int | None = None,
        cors_origins: Sequence[str] = (),
    ) -> None:
        if not isinstance(check, RequestCheck) and (body_limit is not None or cors_origins):
            raise ValueError("the configuration of the gateway has the limit of the body and the origins")
        self._app = app
        self._source = _fixed(check, body_limit, cors_origins) if isinstance(check, RequestCheck) else check

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match scope["type"]:
            case "lifespan":
                await self._app(scope, receive, send)
            case "http":
                await self._serve(scope, receive, send)
            case _:
                await send({"type": "websocket.close", "code": 1008})

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        rules = self._source.current
        origins = rules.configuration.cors_origins
        if not origins:
            await self._answer(rules, scope, receive, send)
            return
        origin = allowed_origin(scope["headers"], origins)
        headers = preflight_answer(scope["method"], scope["headers"], origin)
        if headers is None:
            await self._answer(rules, scope, receive, _with_origin(send, origin))
        else:
            await send({"type": "http.response.start", "status": 204, "headers": headers})
            await send({"type": "http.response.body", "body": b""})

    async def _answer(self, rules: Rules, scope: Scope, receive: Receive, send: Send) -> None:
        route = rules.configuration.route_for(scope["method"], _raw_path(scope).decode("latin-1"))
        limit = rules.configuration.max_body_bytes
        if route.requires == "nothing":
            await self._pass_unsigned(scope, Bounded(receive, send, limit))
            return
        claim = await rules.check.identify(scope["headers"], max_session_age=route.max_session_age)
        if isinstance(claim, RequestRefusal):
            await self._refuse(send, claim)
            return
        body = await _read_body(receive, limit)
        if body is None:  # the client is gone
            return
        judged = (
            body if isinstance(body, RequestRefusal) else await rules.check.prove(claim, _message_type(scope), body)
        )
        if isinstance(judged, GatewayRecord):
            assert isinstance(body, bytes)
            self._source.counts.passed(judged)
            await self._app({**scope, SESSION_KEY: judged}, _again(body, receive), send)
        else:
            await self._refuse(send, judged)

    async def _pass_unsigned(self, scope: Scope, exchange: "Bounded") -> None:
        try:
            await self._app({**scope, SESSION_KEY: None}, exchange.receive, exchange.send)
        except Exception:
            if not exchange.is_refused:
                raise
        if exchange.is_refused:
            await self._refuse(exchange.send_on, RequestRefusal.PAYLOAD_TOO_LARGE)
        else:
            self._source.counts.passed(None)

    async def _refuse(self, send: Send, refusal: RequestRefusal) -> None:
        self._source.counts.refused(refusal)
        await _refuse(send, refusal)


class Bounded:
    """A request whose body is passed on piece by piece. Past the limit the app is told that its client is gone."""

    def __init__(self, receive: Receive, send: Send, limit: int) -> None:
        self._receive = receive
        self.send_on = send
        self._left = limit
        self._has_started = False

    @property
    def is_refused(self) -> bool:
        """Whether the body was too large, and the answer had not begun."""
        return self._left < 0 and not self._has_started

    async def receive(self) -> Message:
        if self._left < 0:
            return {"type": "http.disconnect"}
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        return message if self._left >= 0 else {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if not self.is_refused:
            self._has_started = True
            await self.send_on(message)


@dataclass(frozen=True, slots=True)
class _Fixed:
    """The rules of a gateway without a configuration. It counts nothing."""

    current: Rules

    @property
    def counts(self) -> Tally:
        return self

    def passed(self, session: GatewayRecord | None) -> None:
        pass

    def refused(self, refusal: RequestRefusal) -> None:
        pass


def _fixed(check: RequestCheck, body_limit: int | None, origins: Sequence[str]) -> _Fixed:
    if isinstance(origins, str) or not are_sound_origins(origins):
        raise ValueError("cors_origins must hold origins like https://app.example.com, or * alone")
    limit = BODY_LIMIT if body_limit is None else body_limit
    return _Fixed(Rules(GatewayConfiguration(max_body_bytes=limit, cors_origins=tuple(origins)), check))


def _with_origin(send: Send, origin: bytes | None) -> Send:
    async def send_with_origin(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": with_origin(message.get("headers", ()), origin)}
        await send(message)

    return send_with_origin


def _raw_path(scope: Scope) -> bytes:
    return scope.get("raw_path") or scope["path"].encode()


def _message_type(scope: Scope) -> str:
    return http_message_type(scope["method"], _raw_path(scope), scope["query_string"])


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
