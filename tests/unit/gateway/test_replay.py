"""A gateway's own memory of requests: each once, for so long, and no more of them than it may hold."""

from typing import Any

import anyio
import pytest

from clients.gateway.modes import FailClosed, FailStatic, Mode
from clients.gateway.redis_connection import RedisUnavailable
from clients.gateway.replay import ReplayGuard, Taken
from contracts.gateway import GatewayKeys


class Redis:
    """What a guard needs of a cache; `mode` and whether Redis answers may be changed."""

    keys = GatewayKeys()

    def __init__(self, mode: Mode) -> None:
        self.mode = mode
        self.is_there = True
        self.asked = 0

    async def execute(self, *_: object) -> object:
        self.asked += 1
        if not self.is_there:
            raise RedisUnavailable("lost")
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
    guarded.redis.is_there = False
    assert (guarded.take("1"), guarded.take("1")) == (taken, "replayed")


def test_static_may_not_be_shorter_than_patience() -> None:
    with pytest.raises(ValueError, match="serve_known_for"):
        FailStatic(serve_known_for=1)
