"""The events of the audit trail are one table (SPEC §4.4)."""

import re
from pathlib import Path

from contracts.audit_events import AUDIT_EVENTS, EventName

ROOT = Path(__file__).parents[2]
NAME = re.compile(r"security\.[a-z_]+")


def sources(ending: str) -> list[Path]:
    return [path for folder in ("services", "shared", "authsession") for path in sorted((ROOT / folder).rglob(ending))]


def test_every_event_has_a_row_in_the_table() -> None:
    assert list(AUDIT_EVENTS) == list(EventName)


def test_a_name_is_a_word_of_the_contract() -> None:
    assert [name for name in EventName if not NAME.fullmatch(name)] == []


def test_every_event_that_sql_writes_is_in_the_table() -> None:
    written = {name for path in sources("*.sql") for name in NAME.findall(path.read_text("utf-8"))}
    assert "security.create_session" in written
    assert written - set(EventName) == set()


def test_code_names_events_by_the_table_only() -> None:
    assert [path.name for path in sources("*.py") if NAME.search(path.read_text("utf-8"))] == []
