"""A node changes its keys, starts without a control plane, outlives an expiry, sends telemetry, and ends."""

import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import trio

from clients.node import (
    ClockIsWrong,
    Distrusted,
    Expired,
    NodeSettings,
    OtlpAnswer,
    Registered,
    Revoked,
    Timing,
    Unavailable,
    Unreached,
    Waiting,
)
from clients.node.conformance.control_plane import ControlPlane, Head, refused
from clients.node.conformance.loopback import Answered, Asked
from clients.node.disk import Folder
from clients.node.identity import Identity
from clients.node.settings import OnExpired
from contracts.node.bundle import Bundle, encode_bundle
from contracts.node.names import JOIN_PATH, KEY_PATH
from tests.integration.node.conftest import OpenNode, until

NOBODY = ("http://127.0.0.1:1",)


async def test_a_key_change_survives_a_lost_answer_and_a_restart(
    control_plane: ControlPlane, settings: NodeSettings, opened: OpenNode
) -> None:
    """The old keys stay until a signed answer proves the new ones; a repeat sends the same new keys."""
    control_plane.activate({"a": b"one"})
    async with opened(settings) as watched:
        await until(lambda: watched.node.problem() is None)
        old = watched.node.keys.public
        control_plane.answer_instead = _cut(KEY_PATH)
        with pytest.raises(Unavailable):
            await watched.node.change_keys()
        assert watched.node.keys.public == old
        assert (settings.folder / "next-keys.json").exists()
    (node,) = control_plane.nodes.values()
    control_plane.answer_instead = None
    node.public_keys.remove(old.public_key)  # the old key is no longer accepted
    async with opened(settings) as watched:
        control_plane.activate({"a": b"two"})
        await until(lambda: watched.contents() == [b"two"])
        assert [watched.node.keys.public.public_key] == node.public_keys
        await until(lambda: not (settings.folder / "next-keys.json").exists())
        await watched.node.change_keys()
        assert watched.node.keys.public.public_key == node.public_keys[-1]
        await until(lambda: control_plane.wake() or not (settings.folder / "next-keys.json").exists())


async def test_a_registered_node_needs_no_join_string(
    control_plane: ControlPlane, settings: NodeSettings, opened: OpenNode, tmp_path: Path
) -> None:
    control_plane.activate({"a": b"one"})
    async with opened(settings) as watched:  # makes the node known
        await until(lambda: watched.node.problem() is None)
    ((node_id, node),) = control_plane.nodes.items()
    folder = tmp_path / "registered"
    node.public_keys = [Identity(Folder(folder)).keys.public.public_key]
    registered = Registered(node_id, "edge", tuple(key.public for key in control_plane.ring))
    async with opened(replace(settings, folder=folder, join_string=None, registered=registered)) as watched:
        await until(lambda: watched.contents() == [b"one"])
    with pytest.raises(ValueError, match="join_string or registered"):
        async with opened(replace(settings, folder=tmp_path / "none", join_string=None)):
            pass


@pytest.mark.parametrize("has_joined", [False, True])
async def test_a_bundle_serves_a_first_start_without_a_control_plane(
    control_plane: ControlPlane, settings: NodeSettings, opened: OpenNode, tmp_path: Path, has_joined: bool
) -> None:
    if has_joined:
        async with opened(settings) as watched:
            await until(lambda: watched.node.node_id)
    head = control_plane.activate({"a": b"one"})
    offline = replace(settings, bundle=_bundle(tmp_path, head))
    control_plane.server.stop()
    async with opened(offline) as watched:
        await until(lambda: watched.contents() == [b"one"])
        assert watched.applied[0].source == "bundle"
        control_plane.server.start()
        control_plane.activate({"a": b"two"})
        await until(lambda: watched.contents() == [b"two"])


async def test_a_bundle_of_a_stranger_is_refused(
    control_plane: ControlPlane, settings: NodeSettings, opened: OpenNode, tmp_path: Path
) -> None:
    stranger = ControlPlane()
    offline = replace(settings, bundle=_bundle(tmp_path, stranger.activate({"a": b"one"})), control_planes=NOBODY)
    async with opened(offline) as watched:
        await until(lambda: watched.told(Distrusted))
        assert watched.told(Distrusted) == [Distrusted("untrusted_control_plane")]
        assert watched.node.problem() == "joining"


@pytest.mark.parametrize("on_expired", ["serve_stale", "fail_closed"])
async def test_an_expired_configuration_is_served_or_not(
    control_plane: ControlPlane, settings: NodeSettings, opened: OpenNode, on_expired: OnExpired
) -> None:
    control_plane.activate({"a": b"one"}, life=2.5)
    async with opened(replace(settings, on_expired=on_expired)) as watched:
        await until(lambda: watched.node.problem() is None)
        await until(lambda: watched.told(Expired), within=10)
        is_served = on_expired == "serve_stale"
        assert watched.told(Expired) == [Expired(is_served)]
        assert watched.node.problem() == (None if is_served else "expired")
        assert watched.contents() == ([b"one"] if is_served else [])
        control_plane.activate({"a": b"one"}, position=control_plane.head.position)
        await until(lambda: watched.node.problem() is None)
        assert len(watched.applied) == 1


async def test_a_revoked_node_wipes_and_keeps_its_keys(
    control_plane: ControlPlane, settings: NodeSettings, opened: OpenNode
) -> None:
    wiped = trio.Event()

    async def wipe() -> None:
        wiped.set()

    control_plane.activate({"a": b"one"})
    async with opened(replace(settings, on_revoked=wipe)) as watched:
        await until(lambda: watched.node.problem() is None)
        keys = (settings.folder / "keys.json").read_bytes()
        control_plane.set_status("revoked")
        await until(wiped.is_set)
        assert watched.node.problem() == "revoked"
        assert watched.node.configuration is None
        assert watched.told(Revoked) == [Revoked()]
        assert await watched.node.send_otlp("logs", b"{}", "application/json") == OtlpAnswer(503)
    assert (settings.folder / "keys.json").read_bytes() == keys
    assert list((settings.folder / "content").iterdir()) == []


async def test_a_node_without_a_configuration_is_ready_two_seconds_after_the_control_planes_return(
    control_plane: ControlPlane, settings: NodeSettings, opened: OpenNode
) -> None:
    control_plane.server.stop()
    control_plane.activate({"a": b"one"})
    async with opened(replace(settings, timing=Timing())) as watched:
        await trio.sleep(2.5)
        assert watched.node.problem() == "joining"
        control_plane.server.start()
        await until(lambda: watched.node.problem() is None, within=2)


async def test_a_node_waits_for_approval(control_plane: ControlPlane, settings: NodeSettings, opened: OpenNode) -> None:
    control_plane.approves = False
    async with opened(settings) as watched:
        await until(lambda: watched.node.problem() == "not_approved")
        assert watched.told(Waiting) == [Waiting()]


async def test_telemetry_is_signed_and_keeps_a_pause(
    control_plane: ControlPlane, settings: NodeSettings, opened: OpenNode
) -> None:
    def full(asked: Asked, honest: Answered) -> Answered:
        return refused(503, "service_unavailable", retry_after=60) if "telemetry" in asked.path else honest

    async with opened(settings) as watched:
        assert (await watched.node.send_otlp("traces", b"x", "application/x-protobuf")).status == 503
        await until(lambda: watched.node.node_id)
        answer = await watched.node.send_otlp("traces", b"\x1f\x8b", "application/x-protobuf", "gzip")
        assert (answer.status, answer.body) == (200, b"{}")
        control_plane.answer_instead = full
        answers = [await watched.node.send_otlp("metrics", b"{}", "application/json") for _ in range(3)]
    assert [answer.status for answer in answers] == [503, 503, 503]
    assert all(answer.retry_after is not None and 50 < answer.retry_after <= 60 for answer in answers)
    assert sum("telemetry/v1/metrics" in each for each in control_plane.asked) == 1
    assert watched.told(Unreached) == [], "a collector that is away is not a control plane that is away"


@pytest.mark.parametrize("hours", [-30, 30])
async def test_a_wrong_clock_is_corrected_and_told(
    control_plane: ControlPlane, settings: NodeSettings, opened: OpenNode, hours: int
) -> None:
    off = timedelta(hours=hours).total_seconds()
    control_plane.activate({"a": b"one"}, life=3600)
    for _ in range(2):  # joins, then starts again
        async with opened(settings, clock=lambda: time.time() + off) as watched:
            await until(lambda: watched.node.problem() is None)
            control_plane.activate({"a": b"%d" % time.monotonic_ns()}, life=3600)
            await until(lambda: watched.contents() == list(control_plane.head.contents.values()))
            (told,) = watched.told(ClockIsWrong)
            assert abs(told.seconds - off) < 5
            assert watched.told(Expired) == []


async def test_a_join_is_repeated_byte_for_byte_with_the_join_string_of_the_settings(
    control_plane: ControlPlane, settings: NodeSettings, opened: OpenNode
) -> None:
    control_plane.answer_instead = _cut(JOIN_PATH)
    async with opened(settings):
        await until(lambda: control_plane.joins)
    control_plane.answer_instead = None
    upgraded = replace(settings, software="example-gateway/2", join_string=None)
    async with opened(upgraded) as watched:
        await until(lambda: watched.node.node_id)
    assert len(set(control_plane.joins)) == 1


def _cut(path: str):  # noqa: ANN202 - a lie of ControlPlane
    def lie(asked: Asked, honest: Answered) -> Answered:
        return replace(honest, cut=True) if asked.path == path else honest

    return lie


def _bundle(folder: Path, head: Head) -> Path:
    assert head.signed is not None
    path = folder / "edge.bundle"
    path.write_bytes(encode_bundle(Bundle(head.signed, head.contents)))
    return path
