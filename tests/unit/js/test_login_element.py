"""The words and the import of `<authsession-login>`. `tests/browser` has its behaviour."""

import re

from shared.kernel.language import LANGUAGES
from tests.support.javascript import FOLDER, NODE, run

LANGUAGE = re.compile(r"^(?:const en =|  '?([\w-]+)'?:) \{\n(.*?)^ {0,2}\},?$", re.MULTILINE | re.DOTALL)
TEXT = re.compile(r"^ +(\w+): '(.+)',$", re.MULTILINE)
PLACE = re.compile(r"\{\w+\}")


def word_table() -> dict[str, dict[str, str]]:
    source = (FOLDER / "src/element/words.ts").read_text("utf-8")
    return {tag or "en": dict(TEXT.findall(block)) for tag, block in LANGUAGE.findall(source)}


def test_every_language_of_the_letters_has_every_text() -> None:
    table = word_table()
    assert set(table) == set(LANGUAGES)
    assert len(table["en"]) > 25
    for texts in table.values():
        assert list(texts) == list(table["en"])
        for name, text in texts.items():
            assert PLACE.findall(text) == PLACE.findall(table["en"][name]), text


def test_no_text_was_forgotten_in_english() -> None:
    english, *others = word_table().values()
    assert [text for texts in others for name, text in texts.items() if text == english[name]] == []


def test_a_server_that_renders_pages_can_import_it() -> None:
    """Node.js has no elements and no `window`."""
    script = (
        f"const {{ AuthsessionLogin }} = await import('{FOLDER}/dist/element.js'); console.log(typeof AuthsessionLogin)"
    )
    assert run(NODE, "--input-type=module", "-e", script) == "function\n"
