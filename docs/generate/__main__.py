"""`python -m docs.generate`, or `make docs`: writes the pages of `docs/reference` from the code."""

from docs.generate.pages import FOLDER, PAGES

for name, page in PAGES.items():
    (FOLDER / name).write_text(page(), "utf-8")
