"""The lines that `up` prints of a send that mailed nothing (SPEC §1.4)."""

import re
from pathlib import Path

import pytest

from authsession.mail_watch import _WHY

SOURCE = Path(__file__).parents[3] / "services/public_auth"
GIVEN = re.compile(r'reason="(\w+)"|"decoy", "(\w+)"|return "(\w+_limit|blocked|email_domain|sign_up)"')
"""Where `domain/issue.py` and `store/issue_challenge.py` say why."""


@pytest.mark.parametrize("file", ["domain/issue.py", "store/issue_challenge.py"])
def test_every_reason_of_a_send_that_mails_nothing_has_its_words(file: str) -> None:
    reasons = {next(filter(None, match.groups())) for match in GIVEN.finditer((SOURCE / file).read_text("utf-8"))}
    assert len(reasons) in (3, 5)
    assert reasons <= _WHY.keys()
