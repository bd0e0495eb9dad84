"""The words of the page of a notice's link. `tests/browser` has its behaviour."""

import re
from importlib.resources import files

from shared.kernel.language import LANGUAGES

PAGE = files("services.public_auth.api").joinpath("not_me.html").read_text("utf-8")
WORDS = PAGE.partition("const words = {")[2].partition("\n  };")[0]
LANGUAGE = re.compile(r'^    "?([\w-]+)"?: \{\n(.*?)^    \},$', re.MULTILINE | re.DOTALL)
TEXT = re.compile(r'^ {6}(\w+): "(.+)",$', re.MULTILINE)


def test_every_language_of_the_letters_has_every_text() -> None:
    table = {tag: dict(TEXT.findall(block)) for tag, block in LANGUAGE.findall(WORDS)}
    assert set(table) == set(LANGUAGES)
    assert len(table["en"]) > 10
    for texts in table.values():
        assert list(texts) == list(table["en"])
