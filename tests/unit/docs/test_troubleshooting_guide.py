"""Pages and alerts for operators name the reasons, states and log lines that the code has."""

import re
from pathlib import Path

from shared.io import postgres

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs/guides/troubleshooting.md").read_text("utf-8")
ALERTS = (ROOT / "docs/alerts.yaml").read_text("utf-8")
CODE = "".join(path.read_text("utf-8") for folder in ("services", "shared") for path in (ROOT / folder).rglob("*.py"))


def test_each_reason_of_readiness_has_its_cure() -> None:
    reasons = set(
        re.findall(r'(?:NotReady\(|return )"(migrate|role|read_only|no_beat|other_server|secret_key_missing)"', CODE)
    )
    assert reasons == {"migrate", "role", "read_only", "no_beat", "other_server", "secret_key_missing"}
    assert set(re.findall(r'raise NotReady\("(\w+)"\)', CODE)) <= reasons
    assert [reason for reason in reasons if f"| `{reason}` |" not in GUIDE] == []


def test_each_state_of_postgres_that_a_person_mends_is_there() -> None:
    states = postgres._CURES  # pyright: ignore[reportPrivateUsage]
    assert [state for state in states if state not in GUIDE] == []


def test_each_log_line_that_an_alert_names_is_in_the_code() -> None:
    lines = re.findall(r'look for [`"]([^`"]+)[`"]', ALERTS)
    assert len(lines) > 1
    assert [line for line in lines if line not in CODE] == []
