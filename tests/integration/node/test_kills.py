"""A node that is killed while it takes a configuration has exactly the old or the new one afterwards."""

import json
import subprocess
import sys
from pathlib import Path

from authsession.service import SOURCE
from clients.node.conformance.control_plane import ControlPlane

OLD = {"a": b"old a", "b": b"old b", "c": b"in both"}
NEW = {"a": b"new a", "b": b"new b", "c": b"in both"}


def test_a_kill_at_each_system_call_leaves_a_whole_configuration(control_plane: ControlPlane, tmp_path: Path) -> None:
    control_plane.activate(OLD)
    command = [sys.executable, "-m", "tests.support.killed_node"]
    arguments = [control_plane.server.url, control_plane.join_string, str(tmp_path)]
    with subprocess.Popen(
        [*command, *arguments], cwd=SOURCE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
        control_plane.activate(NEW)
        out, _ = program.communicate("\n", timeout=120)
    assert program.returncode == 0
    kills: list[tuple[str, list[str]]] = [(call, found) for call, found in json.loads(out)]
    old, new = ([content.decode() for content in each.values()] for each in (OLD, NEW))
    outcomes = [found == new for _, found in kills]
    assert all(found in (old, new) for _, found in kills)
    assert outcomes == sorted(outcomes), "the change has one moment, and nothing takes it back"
    calls = [call for call, _ in kills]
    assert calls.index("unlink") > outcomes.index(True) > calls.index("replace")
    assert len(calls) > 20
    assert set(calls) == {"", "open", "write", "fsync", "replace", "unlink"}
