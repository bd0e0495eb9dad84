"""The page of the tree names every folder of our packages."""

from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[3]
PACKAGES = ("authsession", "bench", "clients", "contracts", "services", "shared")
PAGE = (ROOT / "docs/architecture/tree.md").read_text("utf-8")
NOT_OURS = ("bench/peers/sites/", "clients/gateway/assembled/", "clients/node/assembled/", "clients/js/node_modules")
"""The layout of the peers, what a build of a client leaves, and the packages of others."""


def folders() -> Iterator[str]:
    """Folders that hold a module, a statement or golden data."""
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*"):
            folder = path.parent.relative_to(ROOT).as_posix()
            if path.suffix in {".py", ".sql", ".json", ".yaml"} and not folder.startswith(NOT_OURS):
                yield folder


def test_every_folder_is_named() -> None:
    found = set(folders())
    assert len(found) > 30
    assert [name for name in sorted(found) if f"`{name}/" not in PAGE] == []
