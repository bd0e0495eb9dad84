"""`python -m docs.generate`, or `make docs`: writes what the code makes.

That is the pages of `docs/reference`, and the table of access in `contracts/vectors`.
"""

from docs.generate import access_table
from docs.generate.pages import FOLDER, PAGES

for name, page in PAGES.items():
    (FOLDER / name).write_text(page(), "utf-8")
access_table.PATH.write_text(access_table.text(), "utf-8")
