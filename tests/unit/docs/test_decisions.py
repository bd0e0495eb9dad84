"""The index of decisions has each of them, in order."""

import re
from pathlib import Path

FOLDER = Path(__file__).parents[3] / "docs" / "decisions"


def test_every_decision_stands_in_the_index_once_and_in_order() -> None:
    index = (FOLDER / "README.md").read_text("utf-8")
    rows = re.findall(r"^\| \[(\d{4})\]\((\S+)\) \| \d{4}-\d{2}-\d{2} \| [^|]+ \| [^|]+\. \|$", index, re.MULTILINE)
    files = sorted(path.name for path in FOLDER.glob("[0-9]*.md"))
    assert [name for _, name in rows] == files
    assert [number for number, _ in rows] == [name[:4] for name in files]


def test_the_title_of_a_decision_begins_with_its_number() -> None:
    titles = {path.name: path.read_text("utf-8").split("\n", 1)[0] for path in FOLDER.glob("[0-9]*.md")}
    assert {name: title for name, title in titles.items() if not title.startswith(f"# {name[:4]} ")} == {}
