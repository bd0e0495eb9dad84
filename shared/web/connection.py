"""An HTTP request on ASGI: reads it within limits, runs its endpoint, sends the answer. It needs no framework.

Nothing here watches for a disconnect while an endpoint runs, so a client that hangs up cannot cancel it.
"""

import re
import time
from collections.abc import Mapping
from functools import partial

import trio

from contracts.errors import ErrorCode, Refusal
from shared.kernel.request_id import current_request_id, request_id_for
from shared.telemetry.tracing import RequestSpan
from shared.web.asgi import Receive, Scope, Send
from shared.web.client_address import ClientAddress
from shared.web.edge import Edge
from shared.web.exchange import JSON, MAX_BODY_BYTES, BodyRule, Headers, Request, Response, Route
from shared.web.holding import Client
from shared.web.refusals import answer_to

UNMATCHED = "unmatched"
_STATUS_CLIENT_GONE = 499  # never sent
_STATUS_NO_CONTENT = 204
_JSON_MEDIA_TYPE = re.compile(r'application/json[ \t]*(;[ \t]*charset=("utf-8"|utf-8)[ \t]*)?', re.IGNORECASE)


class _ClientGone(Exception):
    """The client hung up before its whole request had arrived."""


class Connection:
    """A request and its answer. Call `answer`, or make a refusal elsewhere, and then `send`, each once."""

    def __init__(
        self,
        edge: Edge,
        scope: Scope,
        receive: Receive,
        send: Send,
        *,
        whole_body: bytes | None = None,
        client: Client | None = None,
    ) -> None:
        """`whole_body` is the body if it has arrived already and is short, so that reading it does not wait.

        `client` is watched while an endpoint holds the request.
        """
        self._started_at = time.perf_counter()
        self._edge = edge
        self._scope = scope
        self._receive = receive
        self._send = send
        self._headers = Headers(scope["headers"])
        self._whole_body = whole_body
        self._peer = client
        self._kept_memory = 0
        self._body_is_unread = _has_body(self._headers)
        self._request_id = request_id_for(self._headers.get("x-request-id"), edge.entropy)
        self._route = UNMATCHED
        self._is_client_gone = False
        current_request_id.set(self._request_id)
        self._span = self._new_span()

    async def answer(self, route: Route, path_parameters: Mapping[str, str]) -> Response:
        """The answer of `route`. Never raises: a fault becomes an answer. Order of checks: content type, size, body.

        If the client hangs up before its whole request has arrived, the endpoint does not run and `send` sends nothing.
        """
        self._route = route.path
        try:
            return await route.endpoint(await self._read(route, path_parameters))
        except _ClientGone:
            self._is_client_gone = True
            return Response(_STATUS_CLIENT_GONE, b"")
        except Exception as error:  # noqa: BLE001 - the edge's last resort
            return answer_to(error)

    async def send(self, response: Response) -> None:
        """Send `response` with the headers of every answer. The connection ends if part of the request is unread."""
        try:
            if not self._is_client_gone:
                await self._send_all(response)
        finally:
            if self._kept_memory:
                self._edge.body_memory.free(self._client().network.text, self._kept_memory)
            self._span.end(None if self._route is UNMATCHED else self._route, response.status)

    async def _send_all(self, response: Response) -> None:
        must_close = self._body_is_unread or self._edge.is_draining()
        await self._send(
            {
                "type": "http.response.start",
                "status": response.status,
                "headers": self._head(response, must_close=must_close),
            }
        )
        await self._send({"type": "http.response.body", "body": response.body, "more_body": False})
        seconds = time.perf_counter() - self._started_at
        self._edge.observe(self._scope["method"], self._route, response.status, seconds)

    def _new_span(self) -> RequestSpan:
        """The span of the request. It continues the trace of a trusted proxy, or of every peer if the edge says so."""
        traceparent = self._headers.get("traceparent")
        is_believed = self._edge.believes_traceparent or (
            traceparent is not None and self._client().is_behind_trusted_proxy
        )
        return RequestSpan(
            self._scope["method"], self._scope.get("scheme", "http"), traceparent, is_believed=is_believed
        )

    def _client(self) -> ClientAddress:
        peer = self._scope.get("client")
        return self._edge.client_addresses.resolve(peer[0] if peer else None, self._headers.get("x-forwarded-for"))

    async def _read(self, route: Route, path_parameters: Mapping[str, str]) -> Request:
        rule = route.body_rule
        if rule is not None:
            self._check_media_type(rule)
        body = await self._read_body(MAX_BODY_BYTES if rule is None else rule.max_bytes)
        scope = self._scope
        return Request(
            method=scope["method"],
            path=scope["raw_path"].decode("latin-1"),
            path_parameters=path_parameters,
            query=scope["query_string"].decode("latin-1"),
            headers=self._headers,
            body=b"" if rule is None else body,
            client=self._client(),
            request_id=self._request_id,
            hold=partial(self._edge.holds.hold, self._peer),
            keep_memory=self._keep_memory,
        )

    def _check_media_type(self, rule: BodyRule) -> None:
        """Accept only the types of `rule` (RFC 9110 §15.5.16). Without a body no content type is needed."""
        media_type = self._headers.get("content-type")
        encoding = self._headers.get("content-encoding")
        encodings = (None, "identity", "gzip") if rule.accepts_gzip else (None, "identity")
        if not (self._body_is_unread is False if media_type is None else _is_one_of(media_type, rule.media_types)):
            types = " or ".join(rule.media_types).replace(JSON, f"{JSON}, in UTF-8")
            raise Refusal(ErrorCode.UNSUPPORTED_MEDIA_TYPE, f"Content-Type must be {types}")
        if (encoding and encoding.lower()) not in encodings:
            cure = "absent or gzip" if rule.accepts_gzip else "absent: send the body as it is"
            raise Refusal(ErrorCode.UNSUPPORTED_MEDIA_TYPE, f"Content-Encoding must be {cure}")

    async def _read_body(self, max_bytes: int) -> bytes:
        if self._whole_body is not None:
            self._body_is_unread = False
            if len(self._whole_body) > max_bytes:
                raise Refusal(ErrorCode.REQUEST_TOO_LARGE)
            return self._whole_body
        if not self._body_is_unread:
            return b""
        if int(self._headers.get("content-length") or 0) > max_bytes:
            raise Refusal(ErrorCode.REQUEST_TOO_LARGE)
        with trio.move_on_after(self._edge.body_timeout.total_seconds()):
            return await self._collect_body(max_bytes)
        raise Refusal(ErrorCode.INVALID_REQUEST, "the request body did not arrive in time")

    async def _collect_body(self, max_bytes: int) -> bytes:
        body = bytearray()
        while True:
            message = await self._receive()
            if message.get("is_malformed"):
                raise Refusal(ErrorCode.INVALID_REQUEST, "malformed HTTP request")
            if message["type"] == "http.disconnect":
                raise _ClientGone
            body += message.get("body", b"")
            if len(body) > max_bytes:
                raise Refusal(ErrorCode.REQUEST_TOO_LARGE)
            if len(body) > max(MAX_BODY_BYTES, self._kept_memory):
                self._keep_memory(len(body) - self._kept_memory)
            if not message.get("more_body", False):
                self._body_is_unread = False
                return bytes(body)

    def _keep_memory(self, size: int) -> None:
        self._edge.body_memory.take(self._client().network.text, size)
        self._kept_memory += size

    def _head(self, response: Response, *, must_close: bool) -> list[tuple[bytes, bytes]]:
        has_content = response.status != _STATUS_NO_CONTENT  # status 204 has no length (RFC 9110 §8.6)
        head = [*response.headers]
        if has_content:
            head.append((b"content-length", b"%d" % len(response.body)))
        head.append((b"x-request-id", self._request_id.encode("ascii")))
        given = {name for name, _ in response.headers}
        if b"cache-control" not in given:
            head.append((b"cache-control", b"no-store"))
        if has_content and b"content-type" not in given:
            head.append((b"content-type", b"application/json"))
        if must_close:
            head.append((b"connection", b"close"))
        return head


def _is_one_of(media_type: str, accepted: tuple[str, ...]) -> bool:
    """Whether a content type is accepted. JSON may have its charset, UTF-8."""
    if JSON in accepted and _JSON_MEDIA_TYPE.fullmatch(media_type):
        return True
    return media_type.lower() in accepted


def _has_body(headers: Headers) -> bool:
    """Whether the request has a body, which one of two fields must say (RFC 9112 §6). The parser checked the length."""
    return "transfer-encoding" in headers or (headers.get("content-length") or "0").strip("0") != ""
