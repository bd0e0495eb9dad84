"""Scenarios of a node's life: joining, applying, rejecting, being killed, starting without a control plane, the end."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import anyio

from clients.node.conformance.control_plane import Head
from clients.node.conformance.loopback import Answered, Asked, Loopback
from clients.node.conformance.stage import Broken, Stage
from clients.node.conformance.trust_scenarios import NEW, OLD, Scenario, started
from clients.node.machine import steady_clock
from contracts.encoding import encode
from contracts.node.names import CONFIG_PATH, DOCUMENTS_PATH, JOIN_PATH, STATUS_PATH
from contracts.node.status import Status

READY_WITHIN = 2.0
"""Seconds from the control plane's return until a node without a configuration has one."""
_BAD: Final = {"a": encode({"refuse": {"code": "not_for_us", "message": "this mode is not known"}})}


async def a_node_joins_applies_and_reports(stage: Stage) -> None:
    await started(stage)
    new = stage.control_plane.activate(NEW)
    await stage.serves(new)
    await stage.reports(_is_applied(new), "what it applied")


async def the_answer_to_a_join_is_lost(stage: Stage) -> None:
    stage.lie(JOIN_PATH, lambda _, honest: replace(honest, cut=True), times=2)
    await started(stage)
    _joined_once(stage)


async def the_node_is_killed_before_the_answer_to_its_join(stage: Stage) -> None:
    stage.lie(JOIN_PATH, lambda _, honest: replace(honest, cut=True))
    await stage.open()
    await stage.happens(lambda: stage.control_plane.joins, "join")
    await stage.program.restart()
    stage.be_honest()
    await started(stage)
    _joined_once(stage)


async def an_operator_approves_late(stage: Stage) -> None:
    stage.control_plane.approves = False
    head = stage.control_plane.activate(OLD)
    await stage.open()
    await stage.happens(lambda: stage.control_plane.nodes, "join")
    await stage.is_never_ready()
    stage.control_plane.set_status("active")
    await stage.serves(head)


async def a_configuration_is_rejected(stage: Stage) -> None:
    """It is not tried again, not even after a renewal; the next one is."""
    old = await started(stage)
    bad = stage.control_plane.activate(_BAD)
    status = await stage.reports(lambda status: _outcome(status) == "rejected", "the rejection")
    config = status.config
    assert config is not None
    told = None if config.error is None else (config.error.code, config.error.message, config.error.document)
    if told != ("not_for_us", "this mode is not known", "conformance/a") or config.digest != bad.digest:
        raise Broken(f"reported the rejection as {told}")
    if status.applied is None or status.applied.digest != old.digest:
        raise Broken("did not report what serves beside the rejected configuration")
    renewed = stage.control_plane.activate(_BAD, position=bad.position, life=86400)
    await stage.reports(lambda status: bool(status.config and status.config.digest == renewed.digest), "the renewal")
    await stage.keeps(old)
    if (await stage.state())["applications"] != 2:
        raise Broken("tried a rejected configuration again")
    stage.control_plane.server.stop()
    await stage.restart()
    await stage.serves(old)
    stage.control_plane.server.start()
    await stage.serves(stage.control_plane.activate(NEW))


async def a_manifest_is_renewed(stage: Stage) -> None:
    old = await started(stage)
    renewed = stage.control_plane.activate(OLD, position=old.position, life=86400)
    await stage.reports(_is_applied(renewed), "the renewed manifest")
    await stage.serves(renewed)
    if (await stage.state())["applications"] != 1:
        raise Broken("applied a renewed manifest with the same content again")


async def the_control_plane_is_down_at_the_start(stage: Stage) -> None:
    await started(stage)
    new = stage.control_plane.activate(NEW)
    await stage.serves(new)
    await stage.reports(_is_applied(new), "what it applied")
    stage.control_plane.server.stop()
    await stage.restart()
    await stage.serves(new)
    stage.control_plane.server.start()
    await stage.serves(stage.control_plane.activate(OLD))


async def the_control_plane_is_down_at_the_first_start(stage: Stage) -> None:
    stage.control_plane.server.stop()
    head = stage.control_plane.activate(OLD)
    await stage.open()
    await stage.is_never_ready(1.0)
    stage.control_plane.server.start()
    returned_at = steady_clock()
    await stage.serves(head)
    if steady_clock() - returned_at > READY_WITHIN:
        raise Broken(f"was not ready within {READY_WITHIN} s of the control plane's return")


async def the_node_is_killed_while_it_applies(stage: Stage) -> None:
    """After each kill it has exactly the old or the new configuration, without a control plane."""
    head = await started(stage)
    await stage.reports(_is_applied(head), "what it applied")
    for number, (path, cut) in enumerate(_MOMENTS):
        new = _configuration(stage, number)
        await _kill_at(stage, path, cut, new)
        stage.be_honest()
        stage.control_plane.server.stop()
        await stage.restart()
        await stage.becomes(lambda state: state["is_ready"], "start from disk")
        head = new if (await stage.state())["position"] == list(new.position) else head
        await stage.keeps(head, 0.05)
        stage.control_plane.server.start()
        await stage.serves(new)
        head = new


_MOMENTS: Final[tuple[tuple[str, int], ...]] = (
    (CONFIG_PATH, 1),
    (DOCUMENTS_PATH, 1),
    (DOCUMENTS_PATH, 3),
    (STATUS_PATH, 1),
)
"""The program is killed when its request to the path arrives for so many times; the answer may be under way."""


def _configuration(stage: Stage, number: int) -> Head:
    control_plane = stage.control_plane
    contents = {name: b'{"number":%d,"name":"%s"}' % (number, name.encode()) for name in ("a", "b", "c")}
    control_plane.statuses.clear()
    head = control_plane.head
    new = control_plane.activate(contents)
    control_plane.put(head)
    return new


async def _kill_at(stage: Stage, path: str, times: int, new: Head) -> None:
    arrived: list[Asked] = []

    def answer(asked: Asked, honest: Answered) -> Answered:
        if asked.path.startswith(path) and stage.control_plane.head is new:
            arrived.append(asked)
        return honest

    stage.control_plane.answer_instead = answer
    stage.control_plane.put(new)
    await stage.happens(lambda: len(arrived) >= times, f"ask for {path}")


async def the_node_is_revoked(stage: Stage) -> None:
    """It forgets its configuration, and asks nothing more."""
    await started(stage)
    await stage.happens(lambda: stage.control_plane.statuses, "report")
    stage.control_plane.set_status("revoked")
    await stage.becomes(lambda state: not state["is_ready"], "close after its revocation")
    await anyio.sleep(0.1)
    asked = len(stage.control_plane.asked)
    await stage.is_never_ready(0.5)
    if len(stage.control_plane.asked) != asked:
        raise Broken("went on asking after its revocation")
    stage.control_plane.server.stop()
    await stage.restart()
    await stage.is_never_ready(0.6)


async def the_first_control_plane_is_broken(stage: Stage) -> None:
    broken = Loopback(lambda _: Answered(502, b"<html>bad gateway</html>"))
    gone = Loopback(lambda _: Answered(500))
    broken.start()
    gone.start()
    gone.stop()
    stage.urls = (broken.url, gone.url, stage.control_plane.server.url)
    try:
        await started(stage)
    finally:
        broken.stop()


async def the_clocks_differ_by_an_hour(stage: Stage) -> None:
    honest = stage.control_plane.clock_ms
    stage.control_plane.clock_ms = lambda: honest() + 3_600_000
    old = await started(stage)
    await stage.reports(_is_applied(old), "what it applied")
    await stage.restart()
    await stage.serves(old)
    await stage.serves(stage.control_plane.activate(NEW))


async def each_start_has_a_boot_id(stage: Stage) -> None:
    old = await started(stage)
    await stage.reports(_is_applied(old), "what it applied")
    new = stage.control_plane.activate(NEW)
    await stage.reports(_is_applied(new), "what it applied")
    first = {status.boot_id for status in stage.control_plane.statuses}
    stage.control_plane.statuses.clear()
    await stage.restart()
    await stage.reports(_is_applied(new), "what it has")
    second = {status.boot_id for status in stage.control_plane.statuses}
    if len(first) != 1 or len(second) != 1 or first == second:
        raise Broken("has not exactly one boot_id for each start")


def _joined_once(stage: Stage) -> None:
    joins = stage.control_plane.joins
    if len(joins) < 2 or len(set(joins)) != 1 or len(stage.control_plane.nodes) != 1:
        raise Broken("did not repeat its join byte for byte")


def _is_applied(head: Head) -> Callable[[Status], bool]:
    return lambda status: bool(
        status.config and status.config.outcome == "applied" and status.config.digest == head.digest
    )


def _outcome(status: Status) -> str | None:
    return None if status.config is None else status.config.outcome


SCENARIOS: Final[tuple[Scenario, ...]] = (
    a_node_joins_applies_and_reports,
    the_answer_to_a_join_is_lost,
    the_node_is_killed_before_the_answer_to_its_join,
    an_operator_approves_late,
    a_configuration_is_rejected,
    a_manifest_is_renewed,
    the_control_plane_is_down_at_the_start,
    the_control_plane_is_down_at_the_first_start,
    the_node_is_killed_while_it_applies,
    the_node_is_revoked,
    the_first_control_plane_is_broken,
    the_clocks_differ_by_an_hour,
    each_start_has_a_boot_id,
)
