"""Redis away, slow, flushed, restarted, gone back or replaced by an empty one, under logins and revocations.

Redis may lose everything. Everything acknowledged must come back by itself (SPEC §6.3, §6.4). The keeper's own laws are
in tests/integration/projection. These tests count over both processes.
"""

import shutil
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress

import httpx
import pytest
import redis as redis_py

from authsession.embedded.redis import EmbeddedRedis
from contracts.gateway import GatewayKeys, decode_record
from tests.integration.io.faults import paused
from tests.support.builders import email_address
from tests.support.census import take_census
from tests.support.database import Database
from tests.support.load import Login, under_load
from tests.support.redis_bytes import stored, values
from tests.support.servers import temporary_redis
from tests.support.stack import REDIS_PASSWORD, RunningStack, redis_users, wait_for
from tests.support.tcp_proxy import TcpProxy, tcp_proxy
from tests.support.toll import Toll

NOBODY = 1
"""A port without a listener."""
LIMITS = {"AUTHSESSION_SEND_RATE_LIMIT": "100000/1m", "AUTHSESSION_CONFIRM_RATE_LIMIT": "100000/1m"}
"""Rate limits so high that no test reaches them. They run too."""
OWNER = f"user owner on >{REDIS_PASSWORD} ~* &* +@all"
STALE_BOUND = 5.0
"""The bound of SPEC §6.4 in seconds, from the moment at which Redis answers again."""
_KEYS = GatewayKeys()


class Weather:
    """A stack that reaches its Redis through a proxy, and a second Redis, empty."""

    def __init__(self, stack: RunningStack, proxy: TcpProxy, first: EmbeddedRedis, second: EmbeddedRedis) -> None:
        self.stack = stack
        self.proxy = proxy
        self.redis = first
        self.spare = second

    def await_complete(self) -> None:
        """Waits until the projection says that it is complete."""
        with self.client() as client, suppress(redis_py.ConnectionError):
            wait_for(lambda: client.hget(_KEYS.projection, "state") == b"complete", timeout=30)

    def await_another_epoch(self, than: bytes | None) -> None:
        """Waits until the keeper has noticed that Redis may have lost data. The load may have healed long before."""
        wait_for(lambda: self.epoch() not in (None, than), timeout=30)

    def epoch(self) -> bytes | None:
        with self.client() as client:
            (epoch,) = values(client, _KEYS.projection, "epoch")
        return epoch

    def client(self) -> redis_py.Redis:
        return redis_py.Redis(port=self.redis.port, username="owner", password=REDIS_PASSWORD)

    def status(self, login: Login) -> str | None:
        with self.client() as client:
            value = stored(client, _KEYS.record(str(login.device_session_id)))
        return None if value is None else decode_record(value).status


@pytest.fixture(scope="module")
def weather(database: Database) -> Iterator[Weather]:
    users = (*redis_users(), OWNER)
    with (
        temporary_redis(persistent=True, users=users) as first,
        temporary_redis(persistent=True, users=users) as second,
        tcp_proxy(first.port) as proxy,
    ):
        stack = RunningStack(database, first, {"AUTHSESSION_REDIS_ADDR": proxy.address, **LIMITS})
        try:
            stack.start()
            yield Weather(stack, proxy, first, second)
        finally:
            stack.stop()


def go_away(weather: Weather) -> None:
    weather.redis.kill()
    time.sleep(1.5)
    weather.redis.start()


def restart(weather: Weather) -> None:
    weather.redis.stop()
    weather.redis.start()


def flush(weather: Weather) -> None:
    with weather.client() as client:
        client.flushall()


def fail_over_to_an_empty_one(weather: Weather) -> None:
    weather.redis, weather.spare = weather.spare, weather.redis
    weather.proxy.target = weather.redis.port
    weather.proxy.cut()


def be_silent(weather: Weather) -> None:
    """Redis is silent for longer than any call waits. Connections stay open."""
    weather.proxy.delay = 3.0
    time.sleep(3.0)
    weather.proxy.delay = 0.0
    weather.proxy.cut()


@contextmanager
def gone_back(weather: Weather) -> Generator[None]:
    """On leaving, Redis runs with its data as on entering, and no process can reach it yet."""
    weather.redis.stop()
    kept = weather.redis.folder.with_name(weather.redis.folder.name + "-kept")
    shutil.copytree(weather.redis.folder, kept)
    weather.redis.start()
    yield
    weather.proxy.target = NOBODY
    weather.redis.kill()
    shutil.rmtree(weather.redis.folder)
    kept.rename(weather.redis.folder)
    weather.redis.start()


@pytest.mark.parametrize(
    ("fault", "bring", "loses"),
    [
        ("Redis killed, away for 1.5 s", go_away, True),
        ("Redis restarted", restart, True),
        ("Redis flushed", flush, True),
        ("Redis silent for 3 s", be_silent, False),
        ("Redis failed over to an empty one", fail_over_to_an_empty_one, True),
    ],
)
def test_nothing_acknowledged_is_lost(
    weather: Weather, toll: Toll, fault: str, bring: Callable[[Weather], None], loses: bool, rounds: int
) -> None:
    for _ in range(rounds):
        with under_load(*weather.stack.ports) as load:
            load.wait_for_more(logins=5)
            epoch = weather.epoch()
            bring(weather)
            healed = load.seconds_to_heal(since=time.monotonic())
            load.wait_for_more(logins=2)
        if loses:
            weather.await_another_epoch(than=epoch)
        weather.await_complete()
        census = take_census(load, weather.stack.database, weather.redis.port)
        toll(fault, load, census, healed)
        assert census.is_clean, census
        assert healed < 10
        assert loses or weather.epoch() == epoch


def test_a_slow_redis_makes_answers_slow_and_nothing_else(weather: Weather, toll: Toll) -> None:
    weather.proxy.delay = 0.05
    try:
        with under_load(*weather.stack.ports) as load:
            healed = load.seconds_to_heal(since=time.monotonic())
            load.wait_for_more(logins=5)
    finally:
        weather.proxy.delay = 0.0
    census = take_census(load, weather.stack.database, weather.redis.port)
    toll("Redis 50 ms slower each way", load, census, healed)
    assert census.is_clean, census
    assert load.statuses.keys() == {200}


def test_a_revoked_session_is_stale_for_five_seconds_at_most_when_redis_goes_back(weather: Weather, toll: Toll) -> None:
    with under_load(*weather.stack.ports) as before:
        before.wait_for_more(logins=8)
    victims = [login for login in before.confirmed if login.revoked_at is None]
    with under_load(*weather.stack.ports) as load:
        with gone_back(weather):
            for login in victims:
                before.revoke(login)
            load.wait_for_more(logins=4)
        assert {weather.status(login) for login in victims} == {"active"}  # so the gateway's record is stale
        answers_at = time.monotonic()
        weather.proxy.target = weather.redis.port
        wait_for(lambda: all(weather.status(login) == "revoked" for login in victims), timeout=30)
        stale = time.monotonic() - answers_at
        healed = load.seconds_to_heal(since=answers_at)
    weather.await_complete()
    for each in (before, load):
        census = take_census(each, weather.stack.database, weather.redis.port)
        assert census.is_clean, census
    toll(f"Redis restored from an older snapshot, stale for {stale:.1f} s", load, census, healed)
    assert stale < STALE_BOUND


def test_a_silent_redis_costs_a_send_half_a_second_once(weather: Weather) -> None:
    """Each send needs the rate limit. None may wait for Redis' whole timeout."""
    with httpx.Client(base_url=weather.stack.public_url, timeout=30) as client:

        def seconds_of_a_send() -> float:
            answer = client.post("/api/v1/public/auth/send-email-code", json={"email": email_address()})
            assert answer.status_code == 200, answer.text
            return answer.elapsed.total_seconds()

        assert seconds_of_a_send() < 1
        with paused(weather.redis.pid):
            *others, longest = sorted(seconds_of_a_send() for _ in range(5))
            assert longest < 1
            assert max(others) < 0.4
            assert client.get("/readyz").json() == {"status": "degraded"}
            assert client.get("/readyz").elapsed.total_seconds() < 1
            assert max(seconds_of_a_send() for _ in range(5)) < 0.4
    weather.await_complete()
