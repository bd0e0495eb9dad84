"""Links between documents lead somewhere."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("docs", "clients", "deploy", "examples", "contracts", "bench")


def test_every_relative_link_leads_to_a_file() -> None:
    documents = [*ROOT.glob("*.md"), *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.md"))]
    links = [
        (document, link)
        for document in documents
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text("utf-8"))
    ]
    assert len(links) > 30
    assert [f"{document.name}: {link}" for document, link in links if not (document.parent / link).exists()] == []
