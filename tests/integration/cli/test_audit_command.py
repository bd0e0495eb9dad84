"""`authsession audit` on a real database: it prints, exports, follows and verifies."""

import json
import os
import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest

from authsession.__main__ import main
from tests.support.audit_trail import add_rows, chain_end, empty_trail, seal_all
from tests.support.stack import AUDIT_KEYS
from tests.support.world import World

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def environment(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty trail, and the variables of the owner."""
    empty_trail(world)
    monkeypatch.setenv("AUTHSESSION_POSTGRES_DSN", world.database.owner_dsn)
    monkeypatch.setenv("AUTHSESSION_AUDIT_KEYS", AUDIT_KEYS)


def printed(capsys: Captured) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_tail_prints_the_newest_rows_the_newest_last(world: World, capsys: Captured) -> None:
    ids = add_rows(world, 5)
    assert main(["audit", "tail", "-n", "2"]) == 0
    assert [row["audit_id"] for row in printed(capsys)] == ids[-2:]


def test_export_prints_a_span_of_time_oldest_first(world: World, capsys: Captured) -> None:
    old = add_rows(world, 3, age=timedelta(days=2))
    new = add_rows(world, 3)
    assert main(["audit", "export"]) == 0
    assert [row["audit_id"] for row in printed(capsys)] == old + new
    (row,) = world.database.execute("select to_char(now() - interval '1 day', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') as day")
    assert main(["audit", "export", "--to", row["day"]]) == 0
    assert [row["audit_id"] for row in printed(capsys)] == old
    assert main(["audit", "export", "--from", row["day"]]) == 0
    assert [row["audit_id"] for row in printed(capsys)] == new


def test_verify_says_that_all_is_well_and_where_the_chain_ends(world: World, capsys: Captured) -> None:
    add_rows(world, 5)
    seal_all(world)
    add_rows(world, 2)
    assert main(["audit", "verify"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("5 rows checked in ")
    assert said[1].startswith("2 rows are not sealed yet, the oldest of ")
    assert said[2:] == [f"anchor {chain_end(world).place}", "No findings: every row is as it was sealed"]


def test_verify_fails_with_a_line_for_each_finding(world: World, capsys: Captured) -> None:
    ids = add_rows(world, 5)
    seal_all(world)
    anchor = str(chain_end(world).place)
    world.database.execute("update audit_events set outcome = 'x' where audit_id = $1", ids[1])
    world.database.execute("delete from audit_seal where seq = 5")
    assert main(["audit", "verify", "--anchor", anchor]) == 1
    said = capsys.readouterr().out.splitlines()
    assert said[:2] == [
        f"row {ids[1]} or its seal 2 was changed",
        "the end is cut off: the chain ends at seal 4, there was a seal 5",
    ]
    assert said[-1] == "2 findings"


def test_verify_needs_the_keys(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.delenv("AUTHSESSION_AUDIT_KEYS")
    assert main(["audit", "verify"]) == 78
    assert "AUTHSESSION_AUDIT_KEYS" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [["tail", "-n", "0"], ["tail", "-n", "10001"], ["verify", "--anchor", "5"], ["verify", "--anchor", "5:ab"],
     ["verify", "--anchor", "0:" + "00" * 32], ["export", "--from", "yesterday"]],
)  # fmt: skip
def test_a_wrong_argument_is_refused(arguments: list[str], capsys: Captured) -> None:
    with pytest.raises(SystemExit) as end:
        main(["audit", *arguments])
    assert end.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_tail_follows_until_it_is_stopped(world: World) -> None:
    (before,) = add_rows(world, 1)
    command = [sys.executable, "-m", "authsession", "audit", "tail", "--follow"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ)) as tail:
        assert tail.stdout is not None
        try:
            assert json.loads(tail.stdout.readline())["audit_id"] == before
            new = add_rows(world, 3)
            assert [json.loads(tail.stdout.readline())["audit_id"] for _ in new] == new
        finally:
            tail.terminate()


def test_a_reader_that_has_seen_enough_ends_an_export_without_a_complaint(world: World) -> None:
    add_rows(world, 2000)
    command = f"{sys.executable} -m authsession audit export | head -1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], check=False, capture_output=True, text=True, env=dict(os.environ)
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["audit_id"] == 1
