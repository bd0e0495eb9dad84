"""The middleware over a real cache and real replay keys: some requests reach the app, and the others are refused."""

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import uuid4

import anyio
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from clients.gateway.clock import wall_clock
from clients.gateway.middleware import SignedRequests
from clients.gateway.modes import FailStatic
from clients.gateway.replay import ReplayGuard
from clients.gateway.request_check import RequestCheck, replay_life
from clients.gateway.session_cache import SessionCache
from clients.gateway.signature import Signer
from contracts.gateway import GatewayRecord
from contracts.signed_request import encode_envelope
from tests.support.asgi import Answered, call
from tests.support.backends import on_both_backends
from tests.support.gateway_redis import GatewayRedis, ready_cache, until
from tests.support.held_redis import CLOSED, held_redis

WINDOW = 30.0


class Person:
    """A published session and its key."""

    def __init__(self, redis: GatewayRedis) -> None:
        key = Ed25519PrivateKey.generate()
        self.signer = Signer(f"device-session-{uuid4()}", key)
        self.record = GatewayRecord(self.signer.device_session_id, "user-1", self.signer.client_public_key, "active")
        redis.publish(self.record)

    def rename(self, redis: GatewayRedis, device_session_id: str) -> None:
        """Publishes the session under another id."""
        self.signer = replace(self.signer, device_session_id=device_session_id)
        self.record = replace(self.record, device_session_id=device_session_id)
        redis.publish(self.record)

    def headers(self, message_type: str, body: bytes = b"", age: float = 0.0) -> list[tuple[bytes, bytes]]:
        """The headers of a new request, signed `age` seconds ago."""
        timestamp_ms = int((wall_clock() - age) * 1000)
        envelope = self.signer.sign(message_type, body, timestamp_ms=timestamp_ms, request_id=uuid4().hex)
        return [(name.encode(), value.encode()) for name, value in encode_envelope(envelope).items()]


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the user and the body."""
    message = await receive()
    body = scope["device_session"].user_id.encode() + b":" + message["body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


def gateway(cache: SessionCache, **options: Any) -> SignedRequests:
    check = RequestCheck(cache, ReplayGuard(cache, replay_life(WINDOW)), window=WINDOW)
    return SignedRequests(echo, check, **options)


@asynccontextmanager
async def open_gateway(redis: GatewayRedis, **options: Any) -> AsyncGenerator[tuple[SignedRequests, Person]]:
    person = Person(redis)
    async with ready_cache(redis) as cache:
        yield gateway(cache, **options), person


def code(answered: Answered) -> tuple[int, str]:
    return answered.status, json.loads(answered.body)["error"]["code"]


@on_both_backends
async def test_a_signed_request_reaches_the_app_with_its_session_and_its_body(gateway_redis: GatewayRedis) -> None:
    async with open_gateway(gateway_redis) as (app, person):
        headers = person.headers("POST /orders?dry=1", b"onetwo")
        answered = await call(app, "POST", "/orders?dry=1", headers, [b"one", b"two"])
        assert (answered.status, answered.body) == (200, b"user-1:onetwo")


@on_both_backends
async def test_the_same_request_is_taken_once(gateway_redis: GatewayRedis) -> None:
    async with open_gateway(gateway_redis) as (app, person):
        headers = person.headers("GET /orders")
        statuses: list[int] = []

        async def send() -> None:
            statuses.append((await call(app, "GET", "/orders", headers)).status)

        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(send)
        assert sorted(statuses) == [200, *[401] * 19]


@on_both_backends
async def test_a_request_that_one_gateway_took_is_refused_by_the_next(gateway_redis: GatewayRedis) -> None:
    async with open_gateway(gateway_redis) as (one, person), ready_cache(gateway_redis) as other_cache:
        headers = person.headers("GET /orders")
        assert (await call(one, "GET", "/orders", headers)).status == 200
        assert code(await call(gateway(other_cache), "GET", "/orders", headers)) == (401, "request_replayed")
        key = gateway_redis.keys.replay(person.signer.device_session_id, dict(headers)[b"galaxy-request-id"].decode())
        assert 2 * WINDOW < gateway_redis.client.ttl(key) <= 3 * WINDOW


@on_both_backends
async def test_a_revoked_session_is_refused_from_then_on(gateway_redis: GatewayRedis) -> None:
    async with open_gateway(gateway_redis) as (app, person):
        assert (await call(app, "GET", "/", person.headers("GET /"))).status == 200
        gateway_redis.revoke(person.record)

        async def refused() -> bool:
            answered = await call(app, "GET", "/", person.headers("GET /"))
            return answered.status == 401 and code(answered) == (401, "session_revoked")

        await until(refused)


@on_both_backends
async def test_a_session_that_is_revoked_while_its_body_comes_is_refused(gateway_redis: GatewayRedis) -> None:
    person = Person(gateway_redis)
    async with ready_cache(gateway_redis) as cache:

        async def late() -> bytes:
            gateway_redis.revoke(person.record)
            await until(lambda: cache.is_revoked(person.signer.device_session_id))
            return b"body"

        answered = await call(gateway(cache), "POST", "/", person.headers("POST /", b"body"), [late])
        assert code(answered) == (401, "session_revoked")


@on_both_backends
async def test_a_session_that_is_revoked_while_its_request_is_noted_is_refused(gateway_redis: GatewayRedis) -> None:
    person = Person(gateway_redis)
    async with ready_cache(gateway_redis) as cache:

        class Slow(ReplayGuard):
            async def take(self, device_session_id: str, request_id: str) -> Any:
                gateway_redis.revoke(person.record)
                await until(lambda: cache.is_revoked(person.signer.device_session_id))
                return await super().take(device_session_id, request_id)

        app = SignedRequests(echo, RequestCheck(cache, Slow(cache, 90), window=WINDOW))
        assert code(await call(app, "GET", "/", person.headers("GET /"))) == (401, "session_revoked")


@pytest.mark.parametrize(
    ("method", "target", "pieces", "refusal"),
    [
        ("POST", "/orders", [b"othr"], (401, "payload_hash_mismatch")),
        ("POST", "/orders", [b"bo", b"dy", b"!"], (401, "payload_hash_mismatch")),
        ("POST", "/orders/1", [b"body"], (401, "invalid_signature")),
        ("POST", "/orders?all=1", [b"body"], (401, "invalid_signature")),
        ("DELETE", "/orders", [b"body"], (401, "invalid_signature")),
        ("POST", "/orders", [b"x" * 60, b"x" * 60], (413, "payload_too_large")),
    ],
)
@on_both_backends
async def test_a_signature_is_good_for_one_request_line_and_one_body(
    gateway_redis: GatewayRedis, method: str, target: str, pieces: Sequence[bytes], refusal: tuple[int, str]
) -> None:
    async with open_gateway(gateway_redis, body_limit=100) as (app, person):
        answered = await call(app, method, target, person.headers("POST /orders", b"body"), pieces)
        assert code(answered) == refusal
        assert (b"www-authenticate" in answered.headers) == (answered.status == 401)


@on_both_backends
async def test_a_body_is_not_read_for_somebody_unknown(gateway_redis: GatewayRedis) -> None:
    async def unread() -> bytes:
        raise AssertionError("read")

    async with open_gateway(gateway_redis) as (app, person):
        gateway_redis.client.delete(gateway_redis.keys.record(person.signer.device_session_id))
        answered = await call(app, "POST", "/", person.headers("POST /"), [unread])
        assert code(answered) == (401, "session_unknown")
        assert code(await call(app, "POST", "/", [], [unread])) == (400, "unsupported_protocol_version")


@on_both_backends
async def test_an_old_request_is_refused(gateway_redis: GatewayRedis) -> None:
    async with open_gateway(gateway_redis) as (app, person):
        answered = await call(app, "GET", "/", person.headers("GET /", age=WINDOW + 1))
        assert code(answered) == (401, "timestamp_out_of_window")


@on_both_backends
async def test_without_redis_fail_closed_refuses_and_fail_static_takes_each_request_once_here(
    gateway_redis: GatewayRedis,
) -> None:
    person = Person(gateway_redis)
    async with (
        held_redis(gateway_redis.port) as proxy,
        ready_cache(gateway_redis, proxy.server) as closed,
        ready_cache(gateway_redis, proxy.server, mode=FailStatic(60)) as static,
    ):
        apps = gateway(closed), gateway(static)
        for app in apps:
            assert (await call(app, "GET", "/", person.headers("GET /"))).status == 200
        proxy.target = CLOSED
        proxy.cut()
        await until(lambda: closed.problem() and static.problem())
        answered = await call(apps[0], "GET", "/", person.headers("GET /"))
        assert (code(answered), answered.headers[b"retry-after"]) == ((503, "sessions_unavailable"), b"1")
        headers = person.headers("GET /")
        assert (await call(apps[1], "GET", "/", headers)).status == 200
        assert code(await call(apps[1], "GET", "/", headers)) == (401, "request_replayed")


@on_both_backends
async def test_a_web_socket_is_closed_and_lifespan_passes(gateway_redis: GatewayRedis) -> None:
    seen: list[str] = []

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        seen.append(scope["type"])

    async with ready_cache(gateway_redis) as cache:
        guarded = SignedRequests(app, RequestCheck(cache, ReplayGuard(cache, 90)))
        answered = await call(guarded, "GET", "/", kind="websocket")
        assert answered.messages == [{"type": "websocket.close", "code": 1008}]
        await call(guarded, "GET", "/", kind="lifespan")
        assert seen == ["lifespan"]


@on_both_backends
async def test_a_browser_is_answered_for_the_given_origins(gateway_redis: GatewayRedis) -> None:
    origin = (b"origin", b"https://app.example.com")
    asking = [origin, (b"access-control-request-method", b"GET"), (b"access-control-request-headers", b"x-tenant")]
    for origins, allowed in ((("https://app.example.com",), origin[1]), (("*",), b"*")):
        async with open_gateway(gateway_redis, cors_origins=origins) as (app, person):
            preflight = await call(app, "OPTIONS", "/", asking)
            assert (preflight.status, preflight.headers[b"access-control-allow-origin"]) == (204, allowed)
            assert preflight.headers[b"access-control-allow-headers"].endswith(b"galaxy-signature, x-tenant")
            for headers in ([*person.headers("GET /"), origin], [origin]):  # an answer, and a refusal
                assert (await call(app, "GET", "/", headers)).headers[b"access-control-allow-origin"] == allowed
    async with open_gateway(gateway_redis) as (app, _):
        assert (await call(app, "OPTIONS", "/", asking)).status == 400


@pytest.mark.parametrize("origins", [["https://*.example.com"], ["*", "https://app.example.com"], ["null"], "*"])
def test_origins_that_no_browser_sends_are_refused(origins: Any) -> None:
    check = RequestCheck(object(), object(), window=WINDOW)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="cors_origins must hold origins like"):
        SignedRequests(echo, check, cors_origins=origins)
