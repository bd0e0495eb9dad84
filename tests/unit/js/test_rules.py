"""The rules of the JavaScript client, in Node's own test runner: no browser, no server."""

from pathlib import Path

import pytest

from tests.support.javascript import FOLDER, NODE, run

FILES = sorted((FOLDER / "test").glob("*.test.mjs"))


@pytest.mark.parametrize("file", FILES, ids=[file.name for file in FILES])
def test_every_rule_holds(file: Path) -> None:
    """`client.test.mjs` has one test for each rule; `vectors.test.mjs` judges the golden data."""
    said = run(NODE, "--test", "--test-reporter=tap", file)
    assert "# fail 0" in said
    assert "# skipped 0" in said
    assert "# tests 0" not in said
