"""How log lines of the services look under `up`: readable, each behind its source, and nothing lost."""

import io
import json
import logging
import os
import pty
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsession.terminal import Terminal, readable
from shared.telemetry.logs import LOG_FIELDS, JsonLines

LINE = {"ts": "2026-04-05T12:00:00.000Z", "level": "info", "logger": "a.b", "event": "listening", "address": ":8080"}


def test_a_json_log_line_becomes_time_level_event_and_fields() -> None:
    assert readable(json.dumps(LINE)) == ["2026-04-05T12:00:00.000Z INFO    listening address=:8080 logger=a.b"]


def test_a_value_with_spaces_shows_where_it_ends() -> None:
    (line,) = readable(json.dumps(LINE | {"address": "two words", "count": 3, "reason": "", "problem": 'a="b"'}))
    assert line.endswith(r'address="two words" count=3 reason="" problem="a=\"b\"" logger=a.b')


def test_any_other_line_stays_as_it_is() -> None:
    for line in ("LOG:  ready", "", "[1]", "null", '{"level":"info"}', "{", '"text"'):
        assert readable(line) == [line]


@given(st.dictionaries(st.sampled_from(sorted(LOG_FIELDS)), st.text() | st.integers() | st.booleans()))
def test_no_field_is_left_out_and_none_moves_the_cursor(fields: dict[str, object]) -> None:
    (line,) = readable(json.dumps(LINE | fields))
    assert line.isprintable()
    for name, value in (LINE | fields).items():
        if name not in ("ts", "level", "event"):
            forms = (str(value), json.dumps(value), json.dumps(value, ensure_ascii=False))
            assert any(f" {name}={form}" in line for form in forms)


def record_of(error: BaseException) -> logging.LogRecord:
    return logging.LogRecord("authsession.x", logging.ERROR, "x.py", 1, "failed", (), (type(error), error, None))


def raised() -> BaseException:
    """A group with an error that has a cause, and one without."""
    try:
        try:
            raise KeyError("secret")  # noqa: TRY301
        except KeyError as cause:
            raise ValueError("secret") from cause
    except ValueError as error:
        return ExceptionGroup("secret", [error, OSError("secret")])


def test_an_exception_stands_below_its_line_with_every_place_cause_and_part() -> None:
    written = JsonLines().format(record_of(raised()))
    first, *below = readable(written)
    assert first.endswith("ERROR   failed logger=authsession.x")
    assert below[0] == "  builtins.ExceptionGroup"
    assert "    with builtins.ValueError" in below
    assert "      because of builtins.KeyError" in below
    assert below[-1] == "    with builtins.OSError"
    places = re.findall(r'"([^"]+:\d+ \w+)"', written)
    assert len(places) == 2
    assert [place for place in places if not any(line.endswith(place) for line in below)] == []


def test_every_line_stands_behind_its_source(capsys: pytest.CaptureFixture[str]) -> None:
    writer = Terminal(on_gone=lambda: None).source("public")
    writer(JsonLines().format(record_of(raised())))
    writer("plain")
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) > 5
    assert all(line.startswith("public   | ") for line in printed)


@pytest.mark.parametrize("hears_by", ["a line", "a look"])
def test_a_closed_terminal_is_heard_of(monkeypatch: pytest.MonkeyPatch, hears_by: str) -> None:
    """Closing a window need not signal us: only the first process of a terminal gets SIGHUP for certain."""
    kept, ours = pty.openpty()
    told: list[str] = []
    with io.TextIOWrapper(io.FileIO(ours, "w"), write_through=True) as output:
        monkeypatch.setattr("sys.stdout", output)
        terminal = Terminal(on_gone=lambda: told.append("gone"))
        terminal.look()
        terminal.say("somebody reads")
        assert told == []
        os.close(kept)
        terminal.say("nobody reads") if hears_by == "a line" else terminal.look()
        assert told == ["gone"]
        monkeypatch.undo()


def test_a_full_disk_costs_a_line_and_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    with io.TextIOWrapper(io.FileIO("/dev/full", "w"), write_through=True) as output:
        monkeypatch.setattr("sys.stdout", output)
        Terminal(on_gone=lambda: told.append("gone")).say("no room")
        monkeypatch.undo()
    assert told == []
