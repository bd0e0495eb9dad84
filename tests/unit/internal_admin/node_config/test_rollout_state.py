"""The state of a node in the rollout, and the manifest that a head offers to it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts.control_plane.rollout import RolloutState
from contracts.node.manifest import NOWHERE, Position
from contracts.node.poll import Poll
from contracts.node.status import ConfigError
from services.internal_admin.node_config.domain.head import NOTHING, Head, Offer, is_in_stage, is_news, no_head
from services.internal_admin.node_config.domain.rollout import NodeInPool, count_states, rollout_of
from services.internal_admin.node_config.domain.status import Applied, Rejected

NOW = datetime(2026, 4, 5, 12, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=3)
AGO = NOW - timedelta(seconds=30)
SIXTY_AGO = NOW - timedelta(seconds=60)
ERROR = ConfigError("apply_failed", "port 80 is taken")
OLD, NEW, NEWER, OTHER_EPOCH = Position(5, 7), Position(5, 8), Position(5, 9), Position(4, 90)
HEAD = Head("edge", Offer(NEW, "b" * 64), AGO, Offer(OLD, "a" * 64))
INSIDE = next(f"node-{number}" for number in range(1000) if is_in_stage(f"node-{number}", AGO, 10))
OUTSIDE = next(f"node-{number}" for number in range(1000) if not is_in_stage(f"node-{number}", AGO, 10))
STAGED = replace(HEAD, percent=10, halts=True)
HALTED = replace(STAGED, halted_at=AGO)


def applied(position: Position, outcome: str = "applied", digest: str = "b") -> Applied:
    return Applied(position, digest * 64, outcome, "control_plane", AGO)


def node(node_id: str = INSIDE, **facts: Any) -> NodeInPool:
    return replace(NodeInPool(node_id, "edge-1", LONG_AGO, last_seen_at=NOW), **facts)


NEVER_SEEN = {"last_seen_at": None}
RENEWED = applied(NEW, digest="c")
REFUSED = {"rejected": Rejected(NEW, "b" * 64, AGO), "error": ERROR, "applied": applied(OLD)}


@pytest.mark.parametrize(
    ("state", "since", "facts"),
    [
        ("synced", AGO, {"applied": applied(NEW)}),
        ("synced", AGO, {"applied": RENEWED}),
        ("synced", AGO, {"applied": applied(NEW), "rejected": Rejected(NEW, "b" * 64, AGO)}),
        ("degraded", AGO, {"applied": applied(NEW, "degraded"), "error": ERROR}),
        ("not_sent", AGO, {"applied": applied(OLD)}),
        ("not_sent", AGO, {"applied": applied(OLD), "offered": OLD, "offered_at": LONG_AGO}),
        ("not_sent", AGO, {"applied": applied(OTHER_EPOCH)}),
        ("pending", NOW - timedelta(seconds=59), {"offered": NEW, "offered_at": NOW - timedelta(seconds=59)}),
        ("late", SIXTY_AGO, {"offered": NEW, "offered_at": SIXTY_AGO}),
        ("rejected", AGO, {**REFUSED, "offered": NEW, "offered_at": SIXTY_AGO}),
        ("ahead", AGO, {"applied": applied(NEWER)}),
        ("ahead", AGO, {"applied": applied(Position(6, 1))}),
        ("gone", NOW - timedelta(minutes=11), {"last_seen_at": NOW - timedelta(minutes=11), "applied": applied(NEW)}),
        ("gone", LONG_AGO, NEVER_SEEN),
        ("not_sent", NOW, {**NEVER_SEEN, "created_at": NOW}),
    ],
)
def test_the_state_of_a_node(state: RolloutState, since: datetime, facts: dict[str, Any]) -> None:
    found = rollout_of(node(**facts), HEAD, NOW)
    assert (found.state, found.since) == (state, since)
    assert (found.error is not None) == (state in ("rejected", "degraded"))


def test_a_pool_without_a_head_wants_nothing() -> None:
    assert rollout_of(node(), no_head("edge"), NOW).state == "synced"
    assert rollout_of(node(applied=applied(OLD)), no_head("edge"), NOW).state == "ahead"


@pytest.mark.parametrize(
    ("head", "node_id", "facts", "state"),
    [
        (STAGED, INSIDE, {"applied": applied(OLD)}, "not_sent"),
        (STAGED, INSIDE, {"applied": applied(NEW)}, "synced"),
        (STAGED, OUTSIDE, {"applied": applied(OLD)}, "synced"),
        (STAGED, OUTSIDE, {}, "not_sent"),
        (STAGED, INSIDE, REFUSED, "rejected"),
        (HALTED, INSIDE, REFUSED, "rejected"),
        (HALTED, INSIDE, {"applied": applied(NEW)}, "synced"),
        (HALTED, INSIDE, {"applied": applied(OLD)}, "synced"),
        (HALTED, INSIDE, {"applied": applied(OLD), "offered": NEW, "offered_at": AGO}, "pending"),
        (HALTED, OUTSIDE, {"applied": applied(OLD)}, "synced"),
    ],
)
def test_a_stage_decides_what_a_node_should_have(
    head: Head, node_id: str, facts: dict[str, Any], state: RolloutState
) -> None:
    assert rollout_of(node(node_id, **facts), head, NOW).state == state


@pytest.mark.parametrize(("known", "state"), [(NEW, "not_sent"), (NEWER, "synced"), (OTHER_EPOCH, "synced")])
def test_a_halted_stage_goes_on_for_nodes_that_knew_an_earlier_manifest_of_it(
    known: Position, state: RolloutState
) -> None:
    """A secret changed since: the stage began at sequence 8, 9 is a stable manifest, and 10 the newest."""
    head = replace(
        HALTED, newest=Offer(Position(5, 10), "d" * 64), stable=Offer(NEWER, "c" * 64), first_sequence=NEW.sequence
    )
    facts: dict[str, Any] = {"offered": known, "offered_at": AGO, "applied": applied(NEWER)}
    assert rollout_of(node(INSIDE, **facts), head, NOW).state == state
    assert rollout_of(node(OUTSIDE, **facts), head, NOW).state == "synced"


def test_every_state_is_counted() -> None:
    counts = count_states([rollout_of(node(applied=applied(NEW)), HEAD, NOW)])
    assert counts == {**dict.fromkeys(counts, 0), "synced": 1}
    assert len(counts) == 8


def test_a_wider_stage_has_the_nodes_of_the_narrower_one() -> None:
    nodes = [f"node-{number}" for number in range(2000)]
    stages = [{name for name in nodes if is_in_stage(name, AGO, percent)} for percent in (1, 10, 50, 100)]
    assert stages[0] < stages[1] < stages[2] < stages[3] == set(nodes)
    assert 100 < len(stages[1]) < 300
    assert stages[1] != {name for name in nodes if is_in_stage(name, NOW, 10)}


@pytest.mark.parametrize("position", [NEWER, Position(6, 2)])
def test_a_stage_has_the_same_nodes_after_its_manifests_were_signed_at_other_positions(position: Position) -> None:
    """A change of keys and a new epoch do that while a stage is unfinished."""
    signed = Offer(position, "c" * 64)
    head = replace(STAGED, newest=signed, stable=Offer(Position(position.epoch, position.sequence - 1), "d" * 64))
    nodes = [f"node-{number}" for number in range(200)]
    before = {name for name in nodes if STAGED.offer_to(name, was_offered=False) == STAGED.newest}
    assert {name for name in nodes if head.offer_to(name, was_offered=False) == signed} == before != set()


def test_a_first_activation_in_stages_offers_the_others_nothing() -> None:
    head = replace(STAGED, stable=NOTHING)
    assert head.offer_to(OUTSIDE, was_offered=False) == NOTHING
    assert head.offer_to(INSIDE, was_offered=False) == HEAD.newest


@pytest.mark.parametrize(
    ("offer", "asked", "expected"),
    [
        (HEAD.newest, Poll(), True),
        (HEAD.newest, Poll(have="a" * 64), True),
        (HEAD.newest, Poll(have="b" * 64), False),
        (HEAD.newest, Poll(have="a" * 64, rejected="b" * 64), False),
        (Offer(NOWHERE, None), Poll(), False),
        (Offer(NOWHERE, None), Poll(have="a" * 64), False),
    ],
)
def test_news_is_a_manifest_that_the_node_has_not_seen(offer: Offer, asked: Poll, expected: bool) -> None:
    assert is_news(offer, asked) == expected
