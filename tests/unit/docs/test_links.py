"""Links between documents lead somewhere, and so do the paths that they name."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
FOLDERS = ("docs", "clients", "deploy", "examples", "contracts", "bench")


TREE = ("authsession", "docker", "examples", "requirements", "services", "shared", "tests", *FOLDERS)
FILE = re.compile(r"`([a-z_./-]*[a-z_]\.(?:py|sql|md|yaml|json|toml|sh|lua))`")
CODE_SPAN = re.compile(r"`[^`\n]*`")
OF_A_NODE = {"keys.json", "next-keys.json", "join.json", "node.json", "applied.json"}
OF_OTHERS = frozenset({"package.json", *OF_A_NODE})
"""Files that a document names and that are not in this repository."""


def documents() -> list[Path]:
    paths = [*ROOT.glob("*.md"), *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.md"))]
    return [path for path in paths if "node_modules" not in path.parts]


def test_every_relative_link_leads_to_a_file() -> None:
    links = [
        (document, link)
        for document in documents()
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", CODE_SPAN.sub("", document.read_text("utf-8")))
    ]
    assert len(links) > 30
    assert [f"{document.name}: {link}" for document, link in links if not (document.parent / link).exists()] == []


def test_every_file_that_a_document_names_exists() -> None:
    files = [f"/{path.relative_to(ROOT)}" for folder in TREE for path in (ROOT / folder).rglob("*.*")]
    files += [f"/{path.name}" for path in ROOT.iterdir()]
    named = [(document, name) for document in documents() for name in FILE.findall(document.read_text("utf-8"))]
    assert len(named) > 100
    missing = [
        (document.name, name) for document, name in named if not any(file.endswith(f"/{name}") for file in files)
    ]
    assert [(page, name) for page, name in missing if name not in OF_OTHERS] == []


def test_every_place_in_a_page_is_one_of_its_headings() -> None:
    links = [
        (document, *link)
        for document in documents()
        for link in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", document.read_text("utf-8"))
    ]
    assert len(links) > 10
    pages = [(document, document.parent / page if page else document, place) for document, page, place in links]
    assert [(document.name, place) for document, page, place in pages if place not in headings(page)] == []


def headings(page: Path) -> set[str]:
    """As GitHub spells them in an address."""
    titles = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title).lower().replace(" ", "-") for title in titles}
