"""Readiness: ready, degraded, unavailable (SPEC §13.1)."""

import json

import pytest
import trio
import trio.testing

from shared.kernel.faults import DependencyUnavailable
from shared.web.client_address import ClientAddresses
from shared.web.exchange import Headers, Request, Response, Route
from shared.web.health import NotReady, Readiness, health_routes


class Dependency:
    def __init__(self) -> None:
        self.fault: Exception | None = None
        self.calls = 0

    async def check(self) -> None:
        self.calls += 1
        if self.fault is not None:
            raise self.fault


async def ask(routes: list[Route], path: str) -> Response:
    client = ClientAddresses().resolve("127.0.0.1", None)
    [route] = [route for route in routes if route.path == path]
    return await route.endpoint(Request("GET", path, {}, "", Headers(), b"", client, "id"))


@pytest.mark.parametrize(
    ("postgres", "redis", "status", "word"),
    [
        (None, None, 200, "ready"),
        (None, DependencyUnavailable("redis"), 200, "degraded"),
        (DependencyUnavailable("postgres"), None, 503, "unavailable"),
        (NotReady("schema"), DependencyUnavailable("redis"), 503, "unavailable"),
        (ValueError("a bug"), None, 503, "unavailable"),
    ],
)
async def test_readiness_follows_its_checks(
    postgres: Exception | None, redis: Exception | None, status: int, word: str
) -> None:
    readiness = Readiness()
    for name, fault in (("postgres", postgres), ("redis", redis)):
        dependency = Dependency()
        dependency.fault = fault
        readiness.add(name, dependency.check, is_required=name == "postgres")
    answer = await ask(health_routes(readiness, shows_checks=False), "/readyz")
    assert (answer.status, json.loads(answer.body)) == (status, {"status": word})
    detailed = await ask(health_routes(readiness, shows_checks=True), "/readyz")
    checks = {"postgres": "failed" if postgres else "ok", "redis": "failed" if redis else "ok"}
    told = json.loads(detailed.body)
    assert (told["status"], told["checks"]) == (word, checks)
    assert told.get("reasons", {}) == {
        name: getattr(fault, "reason", "fault") for name, fault in (("postgres", postgres), ("redis", redis)) if fault
    }


async def test_draining_is_unavailable_at_once_and_the_process_still_lives() -> None:
    draining = False
    routes = health_routes(Readiness(lambda: draining), shows_checks=False)
    assert (await ask(routes, "/readyz")).status == 200
    draining = True
    assert (await ask(routes, "/readyz")).status == 503
    assert (await ask(routes, "/healthz")).status == 200


async def test_draining_is_seen_while_a_check_hangs() -> None:
    draining = False
    readiness = Readiness(lambda: draining)
    readiness.add("postgres", trio.sleep_forever, is_required=True)
    routes = health_routes(readiness, shows_checks=True)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask, routes, "/readyz")
        await trio.testing.wait_all_tasks_blocked()
        draining = True
        with trio.fail_after(1):
            assert (await ask(routes, "/readyz")).status == 503
        nursery.cancel_scope.cancel()


async def test_asking_often_checks_seldom(autojump_clock: trio.testing.MockClock) -> None:
    readiness, dependency = Readiness(), Dependency()
    readiness.add("postgres", dependency.check, is_required=True)
    for _ in range(100):
        await readiness.report()
    assert dependency.calls == 1
    await trio.sleep(0.6)
    dependency.fault = DependencyUnavailable("postgres")
    assert (await readiness.report()).status == "unavailable"


async def test_a_check_that_hangs_has_failed(autojump_clock: trio.testing.MockClock) -> None:
    readiness = Readiness()
    readiness.add("redis", trio.sleep_forever, is_required=False)
    with trio.fail_after(4):
        assert (await readiness.report()).status == "degraded"
