"""The design of letters: ours in `templates/`, or an owner's folder whose files replace ours.

`letter.html` and `letter.txt` are the two bodies of a login code, `message.html` and `message.txt` those of every other
letter. A file such as `en.toml` is the wording of a language. In an owner's
folder any file, and any entry of a wording, may be missing; ours is then used. All files are checked at boot.
"""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

from services.public_auth.mail.template import Template, parse_template
from shared.kernel.faults import ConfigurationError
from shared.kernel.language import DEFAULT_LANGUAGE, LANGUAGES
from shared.kernel.one_line import is_one_line

P = ParamSpec("P")
T = TypeVar("T")

HTML, TEXT, WORDING_SUFFIX = "letter.html", "letter.txt", ".toml"
MESSAGE_HTML, MESSAGE_TEXT = "message.html", "message.txt"
MAX_FILE_BYTES: Final = 64 * 1024
"""Gmail cuts letters of more than 102 KiB."""
_MAX_SUBJECT_LENGTH = 200
_BODY_NAMES = frozenset({"advice", "autofill", "code", "heading", "language", "product", "subject", "validity"})
_MESSAGE_NAMES = frozenset({"action", "advice", "details", "heading", "intro", "language", "product", "subject"})
_NAMES = (HTML, TEXT, *(tag + WORDING_SUFFIX for tag in LANGUAGES), MESSAGE_HTML, MESSAGE_TEXT)
_NOTHING = Template(("",))
_SUFFIXES = (".html", ".txt", WORDING_SUFFIX)


@dataclass(frozen=True, slots=True)
class Wording:
    """The texts of letters in one language. `valid_one_minute` is separate because its grammar differs."""

    subject: Template
    heading: Template
    valid_one_minute: Template
    valid_minutes: Template
    advice: Template
    notice_subject: Template
    notice_heading: Template
    notice_intro: Template
    notice_time: Template
    notice_device: Template
    notice_button: Template
    notice_advice: Template
    notice_advice_without_link: Template
    invitation_subject: Template
    invitation_heading: Template
    invitation_intro: Template
    invitation_advice: Template


@dataclass(frozen=True, slots=True)
class Design:
    """The bodies of a login code and of other letters, and a wording for each language tag."""

    html: Template
    text: Template
    message_html: Template
    message_text: Template
    wordings: Mapping[str, Wording]

    def wording(self, locale: str) -> tuple[str, Wording]:
        """The wording of a language and its tag; the English one for a language without a wording."""
        tag = locale if locale in self.wordings else DEFAULT_LANGUAGE
        return tag, self.wordings[tag]


_KNOWN = {
    "subject": frozenset({"code", "product"}),
    "heading": frozenset({"product"}),
    "valid_one_minute": frozenset({"product"}),
    "valid_minutes": frozenset({"minutes", "product"}),
    "advice": frozenset({"product"}),
    "notice_subject": frozenset({"product"}),
    "notice_heading": frozenset({"product"}),
    "notice_intro": frozenset({"product"}),
    "notice_time": frozenset({"product"}),
    "notice_device": frozenset({"product"}),
    "notice_button": frozenset({"product"}),
    "notice_advice": frozenset({"product"}),
    "notice_advice_without_link": frozenset({"product"}),
    "invitation_subject": frozenset({"product"}),
    "invitation_heading": frozenset({"product"}),
    "invitation_intro": frozenset({"email", "product"}),
    "invitation_advice": frozenset({"email", "product"}),
}
_NEEDED = {"subject": frozenset({"code"}), "valid_minutes": frozenset({"minutes"})}


@cache
def our_design() -> Design:
    """The design of the product itself."""
    folder = files("services.public_auth.mail") / "templates"
    reading = _Reading(ours=None)
    design = reading.design({name: (folder / name).read_bytes() for name in _NAMES})
    assert not reading.problems
    return design


def read_design(folder: Path) -> Design:
    """The design of an owner's folder, completed by ours. Raises `ConfigurationError` with every problem in it."""
    try:
        found = sorted(each.name for each in folder.iterdir() if not each.name.startswith("."))
    except OSError as error:
        raise ConfigurationError([f"the folder cannot be read: {error.strerror}"]) from None
    reading = _Reading(our_design())
    given = {name: content for name in found if (content := reading.content(folder, name)) is not None}
    design = reading.design(given)
    if not given and not reading.problems:
        reading.problems.append(f"the folder has no file of a letter; put in one of {', '.join(_NAMES)}")
    if reading.problems:
        raise ConfigurationError(reading.problems)
    return design


class _Reading:
    """One reading of files, completed by `ours` if there is one. If it has `problems`, its results are void."""

    def __init__(self, ours: Design | None) -> None:
        self.problems: list[str] = []
        self._ours = ours

    def content(self, folder: Path, name: str) -> bytes | None:
        """The content of a letter's file; None for other files. Refuses unused names such as `de-DE.toml`."""
        if name in _NAMES:
            return self._noting(name, _content, folder / name)
        if name.endswith(_SUFFIXES):
            self.problems.append(f"{name} is no file of a letter; use one of {', '.join(_NAMES)}")
        return None

    def design(self, given: Mapping[str, bytes]) -> Design:
        ours = self._ours
        return Design(
            html=self._body(HTML, given, ours.html if ours else None),
            text=self._body(TEXT, given, ours.text if ours else None),
            message_html=self._body(MESSAGE_HTML, given, ours.message_html if ours else None),
            message_text=self._body(MESSAGE_TEXT, given, ours.message_text if ours else None),
            wordings={tag: self._wording(tag, given, ours.wordings[tag] if ours else None) for tag in LANGUAGES},
        )

    def _body(self, name: str, given: Mapping[str, bytes], ours: Template | None) -> Template:
        template = self._noting(name, _body, name, given[name]) if name in given else ours
        return template or _NOTHING

    def _wording(self, tag: str, given: Mapping[str, bytes], ours: Wording | None) -> Wording:
        name = tag + WORDING_SUFFIX
        templates = {each: getattr(ours, each) if ours else _NOTHING for each in _KNOWN}
        for entry, value in (self._noting(name, _entries, given[name]) or {}).items() if name in given else ():
            templates[entry] = self._noting(f"{name}: {entry}", _line, entry, value) or _NOTHING
        return Wording(**{entry: templates[entry] for entry in _KNOWN})

    def _noting(self, name: str, read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        try:
            return read(*args, **kwargs)
        except ValueError as error:
            self.problems.append(f"{name} {error}")
            return None


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from None
    if len(content) > MAX_FILE_BYTES:
        raise ValueError(f"is larger than {MAX_FILE_BYTES // 1024} KiB, and mail programs cut long letters; shorten it")
    return content


def _body(name: str, content: bytes) -> Template:
    text = _decoded(content).replace("\r\n", "\n")
    if not is_one_line(text.replace("\n", "").replace("\t", "")):
        raise ValueError("has control characters; remove them")
    if name in (MESSAGE_HTML, MESSAGE_TEXT):
        return parse_template(text, known=_MESSAGE_NAMES, needed={"action", "details", "intro"})
    return parse_template(text, known=_BODY_NAMES, needed={"code"})


def _entries(content: bytes) -> Mapping[str, object]:
    try:
        return tomllib.loads(_decoded(content))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"is not TOML: {error}") from None


def _line(entry: str, value: object) -> Template:
    if entry not in _KNOWN:
        raise ValueError(f"is no entry of a wording; use one of {', '.join(_KNOWN)}")
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be a text in quotation marks that is not empty")
    if not is_one_line(value):
        raise ValueError("must be one line without control characters: a line break could start another header")
    if entry.endswith("subject") and len(value) > _MAX_SUBJECT_LENGTH:
        raise ValueError(f"must have at most {_MAX_SUBJECT_LENGTH} characters")
    return parse_template(value, known=_KNOWN[entry], needed=_NEEDED.get(entry, frozenset()))


def _decoded(content: bytes) -> str:
    """The text of UTF-8 bytes, without the byte order mark of some editors."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8 text; save it as UTF-8") from None
