"""No SQL is left behind: each named statement is taken by its name somewhere in the code."""

from pathlib import Path

from shared.io.queries import parse

ROOT = Path(__file__).parents[2]
ROOMS = ("authsession", "bench", "services", "shared")


def test_every_statement_is_used() -> None:
    files = [file for room in ROOMS for file in (ROOT / room).rglob("*.sql") if "migrations" not in file.parts]
    code = "".join(file.read_text("utf-8") for room in ROOMS for file in (ROOT / room).rglob("*.py"))
    texts = [file.read_text("utf-8") for file in files]
    names = {name for text in texts if "-- name: " in text for name in parse(text)}
    assert len(names) > 100
    assert [name for name in sorted(names) if f'"{name}"' not in code] == []
