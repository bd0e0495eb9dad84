"""A gateway that swaps its configuration while it serves: what it refuses to apply, and what no swap lets through."""

from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from clients.gateway.configured import CannotApply, ConfiguredGateway, Limits
from clients.gateway.modes import FailClosed, FailStatic, Mode
from clients.gateway.redis_connection import RedisUnavailable
from clients.gateway.request_check import Claim
from clients.gateway.session_cache import Active, Answer
from clients.gateway.signature import Signer
from contracts.encoding import encode
from contracts.gateway import GatewayKeys, GatewayRecord
from contracts.gateway_configuration import GatewayConfiguration
from contracts.signed_request import RequestRefusal

SIGNER = Signer("device-session-1", Ed25519PrivateKey.generate())
SESSION = GatewayRecord(SIGNER.device_session_id, "user-1", SIGNER.client_public_key, "active")


@dataclass
class Shared:
    """The replay keys of a Redis, and the true time in seconds."""

    now: float = 1_000_000.0
    ends: dict[str, float] = field(default_factory=dict[str, float])
    is_away: bool = False

    def set_if_new(self, key: str, life_ms: int) -> bytes | None:
        if self.is_away:
            raise RedisUnavailable("lost")
        if self.ends.get(key, 0) > self.now:
            return None
        self.ends[key] = self.now + life_ms / 1000
        return b"OK"


class Cache:
    """The one session, active, and the replay keys."""

    keys = GatewayKeys()

    def __init__(self, shared: Shared) -> None:
        self.mode: Mode = FailClosed()
        self.asked: list[Mode | None] = []
        self._shared = shared

    def problem(self) -> str | None:
        return "not_connected" if self._shared.is_away else None

    async def find(self, _: str, mode: Mode | None = None) -> Answer:
        self.asked.append(mode)
        return Active(SESSION)

    async def execute(self, *command: Any) -> object:
        return self._shared.set_if_new(command[1], command[5])


def gateway(shared: Shared, skew: float = 0, **options: Any) -> ConfiguredGateway:
    def clock() -> float:
        return shared.now + skew

    return ConfiguredGateway(Cache(shared), clock=clock, steady=clock, **options)  # pyright: ignore[reportArgumentType]


def windows(freshness: int, **others: Any) -> GatewayConfiguration:
    return GatewayConfiguration(freshness_window=freshness, replay_window=3 * freshness, **others)


def send(at: ConfiguredGateway, timestamp: float, request_id: str) -> RequestRefusal | None:
    """The refusal of a request that was signed at this time; None if it passes."""
    envelope = SIGNER.sign("GET /", b"", timestamp_ms=round(timestamp * 1000), request_id=request_id)
    judging = at.current.check.prove(Claim(envelope, SESSION), "GET /", b"")
    try:
        judging.send(None)  # nothing here waits, so no event loop is needed
    except StopIteration as done:
        return done.value if isinstance(done.value, RequestRefusal) else None
    raise AssertionError("the check waits")


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (b"", "body is empty"),
        (b'{"colour":"red"}', "unknown field colour"),
        (b'{"freshness_window":0}', "freshness_window must be a whole number from 1 to 300"),
        (b'{"freshness_window":61}', "freshness_window is 61, and the limit of this gateway is 60"),
        (b'{"max_body_bytes":1001}', "max_body_bytes is 1001, and the limit of this gateway is 1000"),
        (
            b'{"mode":"fail_static","serve_known_for":9,"max_body_bytes":1}',
            "serve_known_for must be 10 or more at this gateway",
        ),
    ],
)
def test_a_configuration_that_cannot_be_applied_changes_nothing(document: bytes, message: str) -> None:
    cache = Cache(Shared())
    configured = ConfiguredGateway(
        cache,  # pyright: ignore[reportArgumentType]
        GatewayConfiguration(max_body_bytes=1000),
        limits=Limits(freshness_window=60, body_bytes=1000),
    )
    before, mode = configured.current, cache.mode
    with pytest.raises(CannotApply) as refused:
        configured.apply(document)
    assert str(refused.value) == message
    assert (configured.current, cache.mode) == (before, mode)


def test_a_configuration_is_applied_whole_and_without_one_the_first_holds_again() -> None:
    cache = Cache(Shared())
    configured = ConfiguredGateway(cache)  # pyright: ignore[reportArgumentType]
    wanted = {"mode": "fail_static", "serve_known_for": 60, "freshness_window": 60}
    applied = configured.apply(encode(wanted))
    assert (applied.freshness_window, applied.replay_window) == (60, 180)
    assert (configured.current.configuration, cache.mode) == (applied, FailStatic(60))
    assert configured.apply(None) == GatewayConfiguration()
    assert cache.mode == FailClosed()


def test_a_gateway_starts_with_the_default_configuration_within_its_limits() -> None:
    cache: Any = Cache(Shared())
    assert ConfiguredGateway(cache).current.configuration == GatewayConfiguration()
    small = ConfiguredGateway(cache, limits=Limits(freshness_window=5, body_bytes=100))
    assert small.current.configuration == windows(5, max_body_bytes=100)


def test_a_request_is_judged_by_the_configuration_under_which_it_began() -> None:
    shared = Shared()
    cache = Cache(shared)
    configured = ConfiguredGateway(cache, windows(30), clock=lambda: shared.now)  # pyright: ignore[reportArgumentType]
    began = configured.current
    configured.swap(windows(5, mode="fail_static", serve_known_for=60))
    envelope = SIGNER.sign("GET /", b"", timestamp_ms=round((shared.now - 20) * 1000), request_id="1")
    assert anyio.run(began.check.prove, Claim(envelope, SESSION), "GET /", b"") == SESSION
    assert cache.asked == [FailClosed()]
    assert send(configured, shared.now - 20, "2") == RequestRefusal.TIMESTAMP_OUT_OF_WINDOW


def test_a_replay_is_refused_when_the_window_grew_after_its_request() -> None:
    shared = Shared()
    one, other = gateway(shared), gateway(shared)
    for each in (one, other):
        each.swap(windows(5))
    assert send(one, signed_at := shared.now, "1") is None
    for each in (one, other):
        each.swap(windows(300))
    shared.now += 299
    assert [send(each, signed_at, "1") for each in (one, other)] == [RequestRefusal.REQUEST_REPLAYED] * 2


def test_a_request_from_a_clock_ahead_is_remembered_at_a_gateway_whose_clock_is_behind() -> None:
    shared = Shared()
    ahead, behind = gateway(shared), gateway(shared, skew=-30)
    behind.swap(windows(300))
    assert send(ahead, signed_at := shared.now + 30, "1") is None
    shared.now += 30 + 300 + 30
    assert send(behind, signed_at, "1") == RequestRefusal.REQUEST_REPLAYED


def test_a_gateway_alone_refuses_the_replay_too() -> None:
    """Without Redis only the gateway's own memory is left, and it holds over a swap."""
    shared = Shared(is_away=True)
    alone = gateway(shared)
    alone.swap(windows(5, mode="fail_static", serve_known_for=3600))
    assert send(alone, signed_at := shared.now, "1") is None
    alone.swap(windows(300, mode="fail_static", serve_known_for=3600))
    shared.now += 299
    assert send(alone, signed_at, "1") == RequestRefusal.REQUEST_REPLAYED


def test_a_smaller_limit_saves_memory() -> None:
    """With one window for ever a request is remembered about as long as `replay_life` says."""
    shared = Shared()
    small = gateway(shared, limits=Limits(freshness_window=30))
    assert send(small, shared.now, "1") is None
    (ends,) = shared.ends.values()
    assert ends - shared.now == pytest.approx(91)


SKEW = 5
STEPS = st.tuples(
    st.sampled_from(["swap", "restart", "leave"]),
    st.integers(0, 1),
    st.sampled_from([SKEW, 30, 299, 300]) | st.integers(SKEW, 300),
    st.integers(0, 310),
)
"""A change of one gateway, its new window, and the wait before every gateway gets the request again."""


@settings(max_examples=300, deadline=None)
@given(st.lists(STEPS, max_size=6), st.integers(-300, 300), st.sampled_from([-SKEW, 0, SKEW]))
def test_no_swap_of_windows_lets_a_request_in_twice(
    steps: list[tuple[str, int, int, int]], signed: int, skew: float
) -> None:
    """Two gateways on one Redis swap and restart in any order. Their clocks differ by a window at most."""
    shared = Shared()
    signed_at = shared.now + signed
    gateways = [gateway(shared), gateway(shared, skew)]
    passed = 0
    for change, which, window, wait in steps:
        if change == "restart":
            gateways[which] = gateway(shared, which * skew)
        if change != "leave":
            gateways[which].swap(windows(window))
        shared.now += wait
        passed += sum(send(each, signed_at, "1") is None for each in gateways)
    assert passed <= 1
