"""The gateway's cache keeps its promises whatever Redis, keeper and writers do, in any order of answers.

They are judged in `GatewayModel.judge`: nobody is revived, no proof is false, no published session is called unknown.
The steps come from a seed: hundreds a play, in thousands of plays. What they found is told step by step in
`tests/unit/gateway/test_cache_stories.py`.
"""

from random import Random
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.gateway_model import IDS, GatewayModel

Step = tuple[Any, ...]
STEPS: tuple[Step, ...] = (
    *((name, each) for name in ("log_in", "revoke", "revoke_now", "stall", "ask", "find") for each in IDS),
    *(
        (name,)
        for name in (
            "write_stalled", "publish", "replicate", "flush", "fail_over", "restart", "keeper_looks", "keeper_acts",
            "keeper_beats", "keeper_rebuilds", "connect", "cut", "execute_read", "execute_follow", "deliver_read",
            "deliver_follow", "follow", "settle",
        )
    ),
    ("trim", 0),
    ("trim", 1),
)  # fmt: skip
WEIGHTS = (0, 0.3, 1, 3)
"""Each play prefers some steps and leaves others out: so rare ones meet."""


def draw_steps(seed: int, count: int = 150) -> list[Step]:
    random = Random(seed)
    weights = [random.choice(WEIGHTS) for _ in STEPS]
    return random.choices(STEPS, [*weights[:-1], weights[-1] + 0.01], k=count)


def play(steps: list[Step]) -> None:
    """Raises `AssertionError` where a promise is broken; and in the end all is well again."""
    model = GatewayModel()
    try:
        model.log_in(IDS[0])
        model.settle()
        for name, *arguments in steps:
            getattr(model, name)(*arguments)
        model.cut()  # from a server that may not be the one any more
        model.settle()
        assert model.cache.problem() is None, "does not recover"
        for device_session_id, status in model.sessions.items():
            model.find(device_session_id)
            assert type(model.answers[-1]).__name__.lower() == status, "does not converge"
    finally:
        model.close()


@settings(max_examples=300)
@given(st.integers(0, 2**32))
@example(0)
def test_nobody_is_revived_and_no_proof_is_false_whatever_redis_does(seed: int) -> None:
    play(draw_steps(seed))
