"""The rules of the JavaScript client, in Node's own test runner: no browser, no server."""

from pathlib import Path

import pytest

from authsession.service import SOURCE
from tests.support.javascript import FOLDER, NODE, run

FILES = sorted((FOLDER / "test").glob("*.test.mjs"))


@pytest.mark.parametrize("file", FILES, ids=[file.name for file in FILES])
def test_every_rule_holds(file: Path) -> None:
    """`client.test.mjs` has one test for each rule; `vectors.test.mjs` judges the golden data."""
    said = run(NODE, "--test", "--test-reporter=tap", file)
    assert "# fail 0" in said
    assert "# skipped 0" in said
    assert "# tests 0" not in said


def test_client_and_kit_know_the_words_of_a_service_that_can_check_no_proof() -> None:
    words = "client_key_proof cannot be checked"
    places = ("services/public_auth/api/confirm_email_code.py", "clients/js/src/client.ts", "clients/js/src/testing.ts",
              "clients/js/conformance/server.py")  # fmt: skip
    assert [place for place in places if words not in (SOURCE / place).read_text("utf-8")] == []
