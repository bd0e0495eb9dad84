"""The guide to troubleshooting has the reasons and states that the code tells."""

import re
from pathlib import Path

from shared.io import postgres

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/guides/troubleshooting.md").read_text("utf-8")


def test_each_reason_of_readiness_has_its_cure() -> None:
    code = "".join(path.read_text("utf-8") for path in (ROOT / "shared").rglob("*.py"))
    reasons = set(re.findall(r'(?:NotReady\(|return )"(migrate|role|read_only|no_beat|other_server)"', code))
    assert reasons == {"migrate", "role", "read_only", "no_beat", "other_server"}
    assert set(re.findall(r'raise NotReady\("(\w+)"\)', code)) <= reasons
    assert [reason for reason in reasons if f"| `{reason}` |" not in GUIDE] == []


def test_each_state_of_postgres_that_a_person_mends_is_there() -> None:
    states = postgres._CURES  # pyright: ignore[reportPrivateUsage]
    assert [state for state in states if state not in GUIDE] == []
