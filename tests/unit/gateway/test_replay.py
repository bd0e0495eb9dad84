"""A gateway's own memory of requests: each once, for so long, and no more of them than it may hold."""

from typing import Any

import anyio
import pytest

from clients.gateway.modes import FailClosed, FailStatic, Mode
from clients.gateway.redis_connection import RedisRefused, RedisUnavailable
from clients.gateway.replay import ReplayGuard, Taken
from contracts.gateway import GatewayKeys


class Redis:
    """The cache that a guard needs; `mode` and whether Redis answers may be changed."""

    keys = GatewayKeys()

    def __init__(self, mode: Mode) -> None:
        self.mode = mode
        self.fault: RedisUnavailable | None = None
        self.is_followed = True
        self.asked = 0

    def problem(self) -> str | None:
        return None if self.is_followed else "not_connected"

    async def execute(self, *_: object) -> object:
        self.asked += 1
        if self.fault is not None:
            raise self.fault
        return b"OK"


class Guarded:
    def __init__(self, mode: Mode | None = None, **options: Any) -> None:
        self.redis = Redis(mode or FailClosed())
        self.now = 0.0
        self.guard = ReplayGuard(self.redis, 90, clock=lambda: self.now, **options)  # pyright: ignore[reportArgumentType]

    def take(self, request_id: str, device_session_id: str = "device-session-1") -> Taken:
        return anyio.run(self.guard.take, device_session_id, request_id, backend="trio")


def test_a_replay_is_told_without_asking_redis() -> None:
    guarded = Guarded()
    assert (guarded.take("1"), guarded.take("1"), guarded.redis.asked) == ("taken", "replayed", 1)


def test_the_same_id_of_another_session_is_another_request() -> None:
    guarded = Guarded()
    assert (guarded.take("1"), guarded.take("1", "device-session-2")) == ("taken", "taken")


def test_a_request_is_forgotten_when_it_can_no_longer_be_fresh() -> None:
    guarded = Guarded()
    guarded.take("1")
    guarded.now = 89.9
    assert guarded.take("1") == "replayed"
    guarded.now = 90
    assert guarded.take("1") == "taken"


def test_the_memory_is_bounded() -> None:
    guarded = Guarded(capacity=100)
    for number in range(1000):
        guarded.take(str(number))
    assert len(guarded.guard._seen) <= 102


@pytest.mark.parametrize(("mode", "taken"), [(FailClosed(), "unavailable"), (FailStatic(60), "taken")])
def test_without_redis_it_is_as_the_mode_says(mode: Mode, taken: Taken) -> None:
    guarded = Guarded(mode)
    guarded.redis.fault = RedisUnavailable("lost")
    assert (guarded.take("1"), guarded.take("1")) == (taken, "replayed")


@pytest.mark.parametrize("mode", [FailClosed(), FailStatic(60)])
def test_a_redis_that_is_there_and_refuses_lets_nothing_through(mode: Mode) -> None:
    guarded = Guarded(mode)
    guarded.redis.fault = RedisRefused("OOM")
    assert guarded.take("1") == "unavailable"


def test_a_redis_that_refuses_as_it_comes_back_counts_as_away() -> None:
    guarded = Guarded(FailStatic(60))
    guarded.redis.fault, guarded.redis.is_followed = RedisRefused("LOADING"), False
    assert guarded.take("1") == "taken"


def test_static_may_not_be_shorter_than_patience() -> None:
    with pytest.raises(ValueError, match="serve_known_for"):
        FailStatic(serve_known_for=1)
