"""The README is a screen or two long, and the calls in README and quickstart are those that `up` prints."""

import json
import re
import shlex

from authsession.operators_walk_through import operators_walk_through
from authsession.service import SOURCE
from authsession.walk_through import walk_through
from shared.kernel.address import EVERY_INTERFACE, TcpAddress

INTERNAL = TcpAddress("127.0.0.1", 8081)


def section(page: str, title: str) -> str:
    """The text of a section of a page."""
    found = re.search(
        rf"^## {re.escape(title)}\n(.*?)^## ", (SOURCE / page).read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    assert found is not None
    return found[1]


def calls(text: str) -> list[list[object]]:
    """Each curl command by its words, a body by what it says; ids and codes are those of the contract's examples."""
    text = re.sub(r"\b(challenge|device-session)-01m80…", r"\1-123", text).replace("619375", "123456")
    commands = re.findall(r"^curl .*?(?=\n\n|\n#|\n```)", text, re.MULTILINE | re.DOTALL)
    return [[_said(word) for word in shlex.split(each.replace("\\\n", " "))] for each in commands]


def _said(word: str) -> object:
    return json.loads(word) if word.startswith("{") else word


def test_the_readme_shows_the_calls_that_up_prints() -> None:
    shown = calls(section("README.md", "Five minutes"))
    printed = calls(walk_through(TcpAddress(EVERY_INTERFACE, 8080), INTERNAL) + "\n\n")
    assert len(shown) == 4
    assert shown == printed[:4]


def test_the_quickstart_shows_the_calls_for_operators_that_up_prints() -> None:
    shown = calls(section("docs/quickstart.md", "Claim the first operator"))
    assert len(shown) == 5
    assert shown == calls(operators_walk_through(INTERNAL) + "\n\n")


def test_the_readme_stays_short() -> None:
    assert len((SOURCE / "README.md").read_text("utf-8").splitlines()) <= 120
