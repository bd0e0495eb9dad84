"""The README's five minutes are the calls that `up` prints."""

import json
import re
import shlex

from authsession.service import SOURCE
from authsession.walk_through import walk_through
from shared.address import EVERY_INTERFACE, TcpAddress

SECTION = re.compile(r"## Five minutes\n(.*?)\n## ", re.DOTALL)


def calls(text: str) -> list[list[object]]:
    """Each curl command by its words, a body by what it says; ids and codes are those of the contract's examples."""
    text = re.sub(r"\b(challenge|device-session)-01m80…", r"\1-123", text).replace("619375", "123456")
    commands = re.findall(r"^curl .*?(?=\n\n|\n#|\n```)", text, re.MULTILINE | re.DOTALL)
    return [[_said(word) for word in shlex.split(each.replace("\\\n", " "))] for each in commands]


def _said(word: str) -> object:
    return json.loads(word) if word.startswith("{") else word


def test_the_readme_shows_the_calls_that_up_prints() -> None:
    section = SECTION.search((SOURCE / "README.md").read_text("utf-8"))
    assert section is not None
    shown = calls(section[1])
    printed = calls(walk_through(TcpAddress(EVERY_INTERFACE, 8080), TcpAddress("127.0.0.1", 8081)) + "\n\n")
    assert len(shown) == 4
    assert shown == printed[:4]
