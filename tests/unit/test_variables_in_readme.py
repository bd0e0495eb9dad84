"""The README lists every environment variable, with default and meaning (SPEC §12)."""

from pathlib import Path

from shared.config.variables import markdown_table

README = Path(__file__).parents[2] / "README.md"


def test_the_readme_has_the_table_that_the_code_makes() -> None:
    table = markdown_table()
    assert table in README.read_text("utf-8"), f"put this table into README.md:\n{table}"
