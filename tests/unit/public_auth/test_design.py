"""A folder of templates and wordings over ours: what it changes, and what is refused at boot with its cure."""

from pathlib import Path

import pytest

from services.public_auth.mail.design import MAX_FILE_BYTES, our_design, read_design
from services.public_auth.mail.template import parse_template
from shared.kernel.faults import ConfigurationError
from shared.kernel.language import LANGUAGES

VALUES = {"code": "012345", "product": "Acme", "minutes": "10"}


def problems(folder: Path) -> list[str]:
    with pytest.raises(ConfigurationError) as refused:
        read_design(folder)
    return list(refused.value.problems)


def test_a_file_replaces_ours_and_the_rest_stays(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Hi! {{ code }}\n", encoding="utf-8-sig")
    (tmp_path / "de.toml").write_text('subject = "{{product}}: {{code}}"\n', encoding="utf-8")
    (tmp_path / "README.md").write_text("notes")
    (tmp_path / ".hidden.html").write_text("no letter")
    ours, design = our_design(), read_design(tmp_path)
    assert design.text.filled(VALUES) == "Hi! 012345\n"
    assert design.html == ours.html
    assert design.wordings["de"].subject.filled(VALUES) == "Acme: 012345"
    assert design.wordings["de"].advice == ours.wordings["de"].advice
    assert {tag: design.wordings[tag] for tag in LANGUAGES if tag != "de"} == {
        tag: ours.wordings[tag] for tag in LANGUAGES if tag != "de"
    }


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("letter.html", b"<p>{{heading}}</p>", "letter.html lacks the placeholder {{code}}; write it where"),
        ("letter.txt", b"", "letter.txt lacks the placeholder {{code}}; write it where"),
        ("letter.html", b"{{code}} {{ name }}", "letter.html has the unknown placeholder {{name}}; write one of {{adv"),
        ("letter.html", b"{{code}} {{ .Token }}", "letter.html has a malformed placeholder; write one of {{advice}}"),
        ("letter.html", b"{{code}} {{code", "letter.html has a malformed placeholder; write one of"),
        ("letter.html", b"{{code}} \xff", "letter.html is not UTF-8 text; save it as UTF-8"),
        ("letter.html", "{{code}}".encode("utf-16"), "letter.html is not UTF-8 text; save it as UTF-8"),
        ("letter.txt", b"{{code}} \x00", "letter.txt has control characters; remove them"),
        ("letter.html", b"{{code}}" + b" " * MAX_FILE_BYTES, "letter.html is larger than 64 KiB"),
        ("en.toml", b"subject = ", "en.toml is not TOML: "),
        ("en.toml", b"\xff", "en.toml is not UTF-8 text; save it as UTF-8"),
        ("en.toml", b'subject = "Your code"', "en.toml: subject lacks the placeholder {{code}}"),
        ("en.toml", b'subject = "{{minutes}} {{code}}"', "en.toml: subject has the unknown placeholder {{minutes}}"),
        ("en.toml", b'valid_minutes = "soon over"', "en.toml: valid_minutes lacks the placeholder {{minutes}}"),
        ("en.toml", b'subject = "{{code}}\\r\\nBcc: x@y.example"', "en.toml: subject must be one line without control"),
        ("en.toml", b'heading = "a\\u2028b"', "en.toml: heading must be one line without control"),
        ("en.toml", b'subject = "{{code}}' + b"x" * 200 + b'"', "en.toml: subject must have at most 200 characters"),
        ("en.toml", b"subject = 7", "en.toml: subject must be a text in quotation marks that is not empty"),
        ("en.toml", b'advise = "x"', "en.toml: advise is no entry of a wording; use one of subject, heading"),
        ("de-DE.toml", b"", "de-DE.toml is no file of a letter; use one of letter.html, letter.txt, en.toml"),
        ("mail.html", b"", "mail.html is no file of a letter; use one of letter.html, letter.txt, en.toml"),
        ("README", b"", "the folder has no file of a letter; put in one of letter.html"),
    ],
)  # fmt: skip
def test_a_mistake_is_refused_with_its_cure(tmp_path: Path, name: str, content: bytes, problem: str) -> None:
    (tmp_path / name).write_bytes(content)
    [found] = problems(tmp_path)
    assert found.startswith(problem)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "letter.html").mkdir()
    assert problems(tmp_path) == ["letter.html cannot be read: Is a directory"]
    assert problems(tmp_path / "letter.html" / "none") == ["the folder cannot be read: No such file or directory"]


def test_an_inserted_value_is_never_read_as_a_template() -> None:
    template = parse_template("{{product}} {{code}} }} {a}", known={"product", "code"})
    assert template.filled({"product": "{{code}}", "code": "{{product}}"}) == "{{code}} {{product}} }} {a}"
