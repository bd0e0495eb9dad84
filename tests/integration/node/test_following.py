"""A node takes what its control plane activates, keeps it, and tells what became of it."""

import stat
import time
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from clients.node import (
    Applied,
    Configuration,
    ConfigurationRejected,
    Distrusted,
    FolderInUse,
    NodeSettings,
    NotKept,
    Rejected,
    Report,
    Unreached,
)
from clients.node.conformance.control_plane import ControlPlane, RingKey, refused
from clients.node.conformance.loopback import Answered, Asked
from clients.node.disk import Folder
from clients.node.kept import Kept
from contracts.node.names import CONFIG_PATH, STATUS_PATH
from contracts.node.status import Status
from tests.integration.node.conftest import OpenNode, until
from tests.support.small_disk import NEEDS_ROOT, small_disk

SECRET_TEXT = "postgres://user:hunter2@db"


async def test_a_node_joins_applies_and_reports(
    control_plane: ControlPlane, settings: NodeSettings, opened: OpenNode
) -> None:
    control_plane.activate({"a": b"one"})
    async with opened(settings) as watched:
        await until(lambda: watched.node.problem() is None)
        assert watched.contents() == [b"one"]
        control_plane.activate({"a": b"two", "b": b"three"})
        await until(lambda: watched.contents() == [b"two", b"three"])
        await until(lambda: _sequence(control_plane) == 2)
    config = _last(control_plane).config
    assert config is not None
    assert (config.outcome, config.source) == ("applied", "control_plane")
    documents = [each for each in control_plane.asked if "/documents/" in each]
    assert len(documents) == len(set(documents)) == 3, "each document is fetched once"


async def test_the_folder_is_for_its_owner_alone(
    control_plane: ControlPlane, settings: NodeSettings, opened: OpenNode
) -> None:
    control_plane.activate({"a": b"one"})
    async with opened(settings) as watched:
        await until(lambda: watched.node.problem() is None)
        with pytest.raises(FolderInUse, match="a folder of its own"):
            async with opened(settings):
                pass
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in [settings.folder, *settings.folder.rglob("*")]}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}
    assert not (settings.folder / "join.json").exists(), "the join string does not stay on disk"


async def test_operators_do_not_read_the_text_of_an_unforeseen_exception(
    control_plane: ControlPlane, settings: NodeSettings, opened: OpenNode
) -> None:
    def apply(_: Configuration) -> None:
        raise RuntimeError(SECRET_TEXT)

    control_plane.activate({"a": b"one"})
    async with opened(settings, apply) as watched:
        await until(lambda: _outcome(control_plane) == "rejected")
        assert watched.node.problem() == "no_configuration"
        assert watched.node.rejected == "apply_failed"
    config = _last(control_plane).config
    assert config is not None
    assert config.error is not None
    assert config.error.message == "apply raised RuntimeError"
    assert SECRET_TEXT not in repr(watched.notices)


async def test_the_disk_serves_while_the_first_offer_is_rejected(
    control_plane: ControlPlane, settings: NodeSettings, opened: OpenNode
) -> None:
    """A rejection neither costs the older configuration nor its place on disk, and its keys are trusted."""
    old = control_plane.activate({"a": b"good"})
    async with opened(settings) as watched:
        await until(lambda: watched.contents() == [b"good"])
    first, second = control_plane.ring[0], RingKey.new("config-2")
    control_plane.ring = [second, first]
    control_plane.activate({"a": b"bad"})
    for _ in range(2):
        control_plane.statuses.clear()
        async with opened(settings, _refuses_bad) as watched:
            await until(lambda: watched.contents() == [b"good"])
            await until(lambda: _last(control_plane).applied)
            assert watched.told(Rejected) == [Rejected(control_plane.head.position, "bad", "a/b")]
        status = _last(control_plane)
        assert status.config is not None
        assert status.applied is not None
        assert (status.config.outcome, status.applied.digest, status.applied.source) == ("rejected", old.digest, "disk")
    control_plane.ring = [second]
    async with opened(settings, _refuses_bad) as watched:
        control_plane.activate({"a": b"good again"})
        await until(lambda: watched.contents() == [b"good again"])


async def test_a_damaged_disk_is_fetched_again(
    control_plane: ControlPlane, settings: NodeSettings, opened: OpenNode
) -> None:
    head = control_plane.activate({"a": b"one", "b": b"two"})
    async with opened(settings) as watched:
        await until(lambda: watched.node.problem() is None)
    (settings.folder / "content" / next(iter(head.contents))).write_bytes(b"one?")
    async with opened(settings) as watched:
        await until(lambda: watched.contents() == [b"one", b"two"])
        assert watched.told(NotKept) == [NotKept("damaged")]
        assert watched.told(Applied) == [Applied(head.position, "control_plane")]
    async with opened(settings) as watched:
        await until(lambda: watched.contents() == [b"one", b"two"])
        assert watched.told(NotKept) == []


async def test_a_damaged_membership_is_joined_again_while_the_disk_serves(
    control_plane: ControlPlane, settings: NodeSettings, opened: OpenNode
) -> None:
    control_plane.activate({"a": b"one"})
    async with opened(settings) as watched:
        await until(lambda: watched.node.problem() is None)
        node_id = watched.node.node_id
    (settings.folder / "node.json").write_bytes(b"")
    control_plane.server.stop()
    async with opened(settings) as watched:
        await until(lambda: watched.contents() == [b"one"])
        assert watched.told(NotKept) == [NotKept("damaged")]
        control_plane.server.start()
        await until(lambda: watched.node.node_id == node_id)
        control_plane.activate({"a": b"two"})
        await until(lambda: watched.contents() == [b"two"])


async def test_a_full_disk_degrades_and_undoes_nothing(
    control_plane: ControlPlane, settings: NodeSettings, opened: OpenNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    control_plane.activate({"a": b"one"})
    monkeypatch.setattr(Kept, "record", full)
    async with opened(settings) as watched:
        await until(lambda: _outcome(control_plane) == "degraded")
        assert watched.contents() == [b"one"]
        assert watched.told(NotKept) == [NotKept("ENOSPC")]


async def test_a_disk_with_room_again_gets_the_configuration_in_use(
    control_plane: ControlPlane, settings: NodeSettings, opened: OpenNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the node would start with an older one, and stay degraded until the next one."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    settings = replace(settings, timing=replace(settings.timing, poll_wait=1))
    control_plane.activate({"a": b"one"})
    with monkeypatch.context() as patch:
        patch.setattr(Kept, "record", full)
        async with opened(settings) as watched:
            await until(lambda: _outcome(control_plane) == "degraded")
            await trio.sleep(1.5)
            assert watched.told(NotKept) == [NotKept("ENOSPC")]
            patch.undo()
            await until(lambda: _outcome(control_plane) == "applied")
            assert [each.is_degraded for each in watched.told(Applied)] == [True, False]
    control_plane.server.stop()
    async with opened(settings) as watched:
        await until(lambda: watched.contents() == [b"one"])


async def test_a_node_starts_from_a_disk_that_became_read_only(
    control_plane: ControlPlane, settings: NodeSettings, opened: OpenNode, tmp_path: Path
) -> None:
    head = control_plane.activate({"a": b"one"})
    with small_disk(tmp_path, "4m") as is_mounted:
        if not is_mounted:
            pytest.skip(NEEDS_ROOT)
        async with opened(settings) as watched:
            await until(lambda: watched.contents() == [b"one"])
        await trio.run_process(["mount", "-o", "remount,ro", str(tmp_path)])
        async with opened(settings) as watched:
            await until(lambda: watched.contents() == [b"one"])
            assert watched.told(Applied) == [Applied(head.position, "disk")]
            control_plane.activate({"a": b"two"})
            await until(lambda: watched.contents() == [b"two"])
            assert watched.told(NotKept) == [NotKept("EROFS")]


async def test_a_full_disk_delays_a_join(
    control_plane: ControlPlane, settings: NodeSettings, opened: OpenNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process lives, asks nothing that it could not repeat, and joins when there is room."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    control_plane.activate({"a": b"one"})
    with monkeypatch.context() as patch:
        async with opened(settings) as watched:
            patch.setattr(Folder, "write", full)
            await until(lambda: NotKept("ENOSPC") in watched.notices)
            assert watched.node.problem() == "joining"
            patch.undo()
            await until(lambda: watched.contents() == [b"one"])


async def test_a_control_plane_that_holds_no_poll_is_not_hammered(
    control_plane: ControlPlane, settings: NodeSettings, opened: OpenNode
) -> None:
    def hurry(asked: Asked, honest: Answered) -> Answered:
        return honest

    control_plane.activate({"a": b"one"})
    control_plane.answer_instead = hurry
    slow = replace(settings, timing=replace(settings.timing, first_pause=0.2))
    async with opened(slow) as watched:
        await until(lambda: watched.node.problem() is None)
        polls, until_then = len(_polls(control_plane)), time.monotonic() + 1
        while time.monotonic() < until_then:
            control_plane.wake()
            await until(lambda: True)
        assert len(_polls(control_plane)) - polls <= 12


@pytest.mark.parametrize("lie", ["silence", "garbage", "compressed"])
async def test_a_broken_proxy_costs_an_attempt_and_nothing_else(
    control_plane: ControlPlane, settings: NodeSettings, opened: OpenNode, lie: str
) -> None:
    def broken(asked: Asked, honest: Answered) -> Answered:
        if asked.path != CONFIG_PATH:
            return honest
        if lie == "silence":
            time.sleep(0.6)
        return replace(honest, body=b"{", headers={"content-encoding": "gzip"} if lie == "compressed" else {})

    control_plane.activate({"a": b"one"})
    impatient = replace(settings, timing=replace(settings.timing, answer_timeout=0.3, poll_wait=0))
    async with opened(impatient) as watched:
        await until(lambda: watched.node.problem() is None)
        control_plane.answer_instead = broken
        why = {"silence": Unreached("timeout"), "garbage": Distrusted("malformed_answer"),
               "compressed": Unreached("encoded_answer")}[lie]  # fmt: skip
        await until(lambda: why in watched.notices)
        assert watched.contents() == [b"one"]
        control_plane.answer_instead = None
        control_plane.activate({"a": b"two"})
        await until(lambda: watched.contents() == [b"two"])


async def test_a_report_is_sent_until_it_is_recorded(
    control_plane: ControlPlane, settings: NodeSettings, opened: OpenNode
) -> None:
    """The counts of a report are those since the last one, so a lost status must not lose them."""
    reports = iter([Report(passed=7), Report(passed=1), Report(passed=2), Report(passed=3)])

    def unavailable(asked: Asked, honest: Answered) -> Answered:
        return refused(503, "service_unavailable") if asked.path == STATUS_PATH else honest

    control_plane.activate({"a": b"one"})
    control_plane.answer_instead = unavailable
    async with opened(replace(settings, report=lambda: next(reports))) as watched:
        await until(lambda: watched.node.problem() is None)
        await until(lambda: len(control_plane.statuses) > 2)  # the honest answer recorded what the node never heard
        control_plane.answer_instead = None
        control_plane.statuses.clear()
        await until(lambda: control_plane.statuses)
        control_plane.activate({"a": b"two"})
        await until(lambda: _passed(control_plane) == [7, 1])


def _refuses_bad(configuration: Configuration) -> None:
    if any(content == b"bad" for _, content in configuration.documents()):
        raise ConfigurationRejected("bad", "no good", "a/b")


def _polls(control_plane: ControlPlane) -> list[str]:
    return [each for each in control_plane.asked if CONFIG_PATH in each]


def _last(control_plane: ControlPlane) -> Status:
    return control_plane.statuses[-1] if control_plane.statuses else Status("none")


def _sequence(control_plane: ControlPlane) -> int | None:
    config = _last(control_plane).config
    return None if config is None else config.position.sequence


def _outcome(control_plane: ControlPlane) -> str | None:
    config = _last(control_plane).config
    return None if config is None else config.outcome


def _passed(control_plane: ControlPlane) -> list[int]:
    return [status.report.passed for status in control_plane.statuses if status.report]
