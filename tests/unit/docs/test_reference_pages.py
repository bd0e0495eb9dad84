"""The pages of `docs/reference` are those that the code makes (SPEC §12)."""

import pytest

from docs.generate.pages import FOLDER, PAGES


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_current(name: str) -> None:
    assert (FOLDER / name).read_text("utf-8") == PAGES[name](), "the page is older than the code; run: make docs"


def test_every_page_of_the_folder_is_generated() -> None:
    assert sorted(PAGES) == sorted(path.name for path in FOLDER.glob("*.md"))
