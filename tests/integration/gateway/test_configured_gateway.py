"""The middleware under a configuration that is swapped while it serves, on a real Redis."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from clients.gateway.clock import wall_clock
from clients.gateway.configured import ConfiguredGateway
from clients.gateway.middleware import SignedRequests
from clients.gateway.modes import FailClosed, FailStatic
from contracts.encoding import encode
from contracts.node.report import Report
from tests.integration.gateway.test_signed_requests import Person, code
from tests.support.asgi import call
from tests.support.backends import on_both_backends
from tests.support.gateway_redis import GatewayRedis, ready_cache, until
from tests.support.held_redis import CLOSED, held_redis

ORIGIN = (b"origin", b"https://app.example.com")


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the user, or `nobody`, and the whole body."""
    pieces: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionError("the client is gone")
        pieces.append(message["body"])
        if not message["more_body"]:
            break
    session = scope["device_session"]
    user = "nobody" if session is None else session.user_id
    await send({"type": "http.response.start", "status": 200, "headers": [(b"access-control-allow-origin", b"*")]})
    await send({"type": "http.response.body", "body": user.encode() + b":" + b"".join(pieces)})


@asynccontextmanager
async def configured(redis: GatewayRedis, **document: Any) -> AsyncGenerator[tuple[SignedRequests, ConfiguredGateway]]:
    async with ready_cache(redis) as cache:
        gateway = ConfiguredGateway(cache)
        gateway.apply(encode(document))
        yield SignedRequests(echo, gateway), gateway


@on_both_backends
async def test_the_window_and_the_limit_of_the_body_are_swapped_without_a_restart(gateway_redis: GatewayRedis) -> None:
    person = Person(gateway_redis)
    async with configured(gateway_redis, max_body_bytes=4) as (app, gateway):
        headers = person.headers("POST /", b"12345", age=40)
        assert code(await call(app, "POST", "/", headers, [b"12345"])) == (413, "payload_too_large")
        gateway.apply(encode({"freshness_window": 60, "max_body_bytes": 5}))
        assert (await call(app, "POST", "/", headers, [b"12345"])).status == 200
        gateway.apply(encode({"freshness_window": 5}))
        old = person.headers("POST /", b"", age=10)
        assert code(await call(app, "POST", "/", old)) == (401, "timestamp_out_of_window")


@on_both_backends
async def test_a_request_ends_under_the_configuration_under_which_it_began(gateway_redis: GatewayRedis) -> None:
    person = Person(gateway_redis)
    async with configured(gateway_redis) as (app, gateway):

        async def late() -> bytes:
            gateway.apply(encode({"freshness_window": 1, "max_body_bytes": 0}))
            return b"body"

        headers = person.headers("POST /", b"body", age=20)
        assert (await call(app, "POST", "/", headers, [late])).status == 200
        assert code(await call(app, "POST", "/", person.headers("POST /", b"body"), [b"body"]))[0] == 413


@on_both_backends
async def test_a_revocation_counts_for_a_request_that_began_before_it(gateway_redis: GatewayRedis) -> None:
    person = Person(gateway_redis)
    async with ready_cache(gateway_redis) as cache:
        gateway = ConfiguredGateway(cache)

        async def late() -> bytes:
            gateway_redis.revoke(person.record)
            await until(lambda: cache.is_revoked(person.signer.device_session_id))
            return b"body"

        app = SignedRequests(echo, gateway)
        answered = await call(app, "POST", "/", person.headers("POST /", b"body"), [late])
        assert code(answered) == (401, "session_revoked")


@on_both_backends
async def test_the_mode_is_swapped_while_redis_is_away(gateway_redis: GatewayRedis) -> None:
    person = Person(gateway_redis)
    async with held_redis(gateway_redis.port) as proxy, ready_cache(gateway_redis, proxy.server) as cache:
        gateway = ConfiguredGateway(cache)
        app = SignedRequests(echo, gateway)
        assert (await call(app, "GET", "/", person.headers("GET /"))).status == 200
        proxy.target = CLOSED
        proxy.cut()
        await until(cache.problem)
        assert gateway.report().redis == "lost"
        assert code(await call(app, "GET", "/", person.headers("GET /"))) == (503, "sessions_unavailable")
        gateway.apply(encode({"mode": "fail_static", "serve_known_for": 60}))
        assert cache.mode == FailStatic(60)
        headers = person.headers("GET /")
        assert (await call(app, "GET", "/", headers)).status == 200
        assert code(await call(app, "GET", "/", headers)) == (401, "request_replayed")
        gateway.apply(None)
        assert cache.mode == FailClosed()
        assert code(await call(app, "GET", "/", person.headers("GET /")))[0] == 503


@on_both_backends
async def test_a_route_that_requires_nothing_takes_unsigned_requests(gateway_redis: GatewayRedis) -> None:
    routes = [{"match": "* /open/*", "requires": "nothing"}]
    async with configured(gateway_redis, routes=routes, max_body_bytes=5) as (app, gateway):
        answered = await call(app, "POST", "/open/a", [], [b"12", b"345"])
        assert (answered.status, answered.body) == (200, b"nobody:12345")
        assert code(await call(app, "POST", "/open/a", [], [b"12", b"3456"])) == (413, "payload_too_large")
        for path in ("/", "/open", "/open/../a", "//open/a", "/%6fpen/a"):
            assert code(await call(app, "POST", path)) == (400, "unsupported_protocol_version")
        report = gateway.report()
        assert (report.passed, report.refused) == (1, {"payload_too_large": 1, "unsupported_protocol_version": 5})


@on_both_backends
async def test_an_app_that_answers_before_it_reads_keeps_its_answer(gateway_redis: GatewayRedis) -> None:
    async def hasty(_scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while (await receive())["type"] != "http.disconnect":
            pass
        await send({"type": "http.response.body", "body": b"done"})

    async with configured(gateway_redis, routes=[{"match": "* *", "requires": "nothing"}], max_body_bytes=1) as (
        _,
        gateway,
    ):
        answered = await call(SignedRequests(hasty, gateway), "POST", "/", [], [b"1", b"2"])
        assert (answered.status, answered.body) == (200, b"done")


@on_both_backends
async def test_a_fault_of_the_app_stays_a_fault(gateway_redis: GatewayRedis) -> None:
    async def broken(_scope: Any, _receive: Any, _send: Any) -> None:
        raise LookupError("broken")

    async with configured(gateway_redis, routes=[{"match": "* *", "requires": "nothing"}]) as (_, gateway):
        with pytest.raises(LookupError):
            await call(SignedRequests(broken, gateway), "POST", "/")


@on_both_backends
async def test_a_route_may_require_a_new_login(gateway_redis: GatewayRedis) -> None:
    person, ageless = Person(gateway_redis), Person(gateway_redis)
    began = int(wall_clock()) - 100
    ulid = "".join("0123456789abcdefghjkmnpqrstvwxyz"[began * 1000 >> shift & 31] for shift in range(45, -1, -5))
    person.rename(gateway_redis, f"device-session-{ulid}{'0' * 16}")
    routes = [{"match": "* /admin/*", "requires": "session", "max_session_age": 90}]
    async with configured(gateway_redis, routes=routes) as (app, gateway):
        for who, path, refusal in (
            (person, "/", None),
            (person, "/admin/a", (401, "session_too_old")),
            (person, "//admin/a", (401, "session_too_old")),
            (ageless, "/admin/a", (401, "session_too_old")),
            (ageless, "/", None),
        ):
            answered = await call(app, "GET", path, who.headers(f"GET {path}"))
            assert (None if answered.status == 200 else code(answered)) == refusal
        gateway.apply(encode({"routes": [{**routes[0], "max_session_age": 3600}]}))
        assert (await call(app, "GET", "/admin/a", person.headers("GET /admin/a"))).status == 200


@on_both_backends
async def test_a_browser_is_answered_for_the_origins_of_the_configuration(gateway_redis: GatewayRedis) -> None:
    person = Person(gateway_redis)
    asked = [ORIGIN, (b"access-control-request-method", b"GET")]
    async with configured(gateway_redis) as (app, gateway):
        assert (await call(app, "OPTIONS", "/", asked)).status == 400
        untouched = await call(app, "GET", "/", [*person.headers("GET /"), ORIGIN])
        assert untouched.headers == {b"access-control-allow-origin": b"*"}
        gateway.apply(encode({"cors_origins": ["https://app.example.com"]}))
        preflight = await call(app, "OPTIONS", "/", asked)
        assert (preflight.status, preflight.headers[b"access-control-allow-origin"]) == (204, ORIGIN[1])
        for headers in ([*person.headers("GET /"), ORIGIN], [ORIGIN]):  # an answer, and a refusal
            assert (await call(app, "GET", "/", headers)).headers[b"access-control-allow-origin"] == ORIGIN[1]
        foreign = (b"origin", b"https://evil.example")
        assert (await call(app, "OPTIONS", "/", [foreign, asked[1]])).status == 400
        answered = await call(app, "GET", "/", [*person.headers("GET /"), foreign])
        assert (answered.status, b"access-control-allow-origin" in answered.headers) == (200, False)
        assert answered.headers[b"vary"] == b"Origin"


@on_both_backends
async def test_the_report_tells_sessions_requests_and_the_lag_of_revocations(gateway_redis: GatewayRedis) -> None:
    one, other = Person(gateway_redis), Person(gateway_redis)
    async with ready_cache(gateway_redis) as cache:
        gateway = ConfiguredGateway(cache)
        app = SignedRequests(echo, gateway)
        for who in (one, one, other):
            assert (await call(app, "GET", "/", who.headers("GET /"))).status == 200
        gateway_redis.revoke(other.record)
        await until(lambda: cache.is_revoked(other.signer.device_session_id))
        assert code(await call(app, "GET", "/", other.headers("GET /"))) == (401, "session_revoked")
        report = gateway.report()
        assert (report.sessions_cached, report.passed, report.refused) == (2, 3, {"session_revoked": 1})
        assert (report.redis, report.revocation_lag is not None) == ("ok", True)
        assert [session for session, _ in report.last_used] == [each.signer.device_session_id for each in (one, other)]
        assert gateway.report() == Report(sessions_cached=2, redis="ok")


@pytest.mark.parametrize("beside", [{"body_limit": 1}, {"cors_origins": ["https://app.example.com"]}])
def test_a_limit_or_an_origin_beside_a_configuration_is_refused(beside: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="limit of the body and the origins"):
        SignedRequests(echo, object(), **beside)  # pyright: ignore[reportArgumentType]
