"""A letter by mould is the library's letter, byte for byte, whatever letters say and whomever they go to."""

import string
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.public_auth.mail import moulds
from services.public_auth.mail.design import Design, Wording, our_design
from services.public_auth.mail.letters import Stationery, write_letter
from services.public_auth.mail.moulds import LetterWriter
from services.public_auth.mail.template import Template, parse_template
from services.public_auth.mail.transport import Letter
from shared.kernel.email_address import parse_email
from shared.kernel.language import LANGUAGES
from shared.kernel.mail_sender import MailSender

OURS = our_design()
LINE = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=60)
WORDS = LINE | st.sampled_from(
    ["Ihr Code für Bücher: ", "ログインコード：", "日本語", "a" * 90, " ", "=?utf-8?q?a?=", "%", "0819"]
)
local_parts = st.text(string.ascii_letters + string.digits + ".!#$%&'*+/=?^_`{|}~-", min_size=1, max_size=64)
domains = st.sampled_from(["example.org", "b.example", "x" * 60 + ".example", "xn--bcher-kva.example"])
ADDRESSES = st.tuples(local_parts, domains).map(lambda parts: parse_email("@".join(parts)).identity)
INSTANTS = st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-3))]))
LETTERS = st.builds(
    Letter,
    delivery_id=st.uuids(),
    email=ADDRESSES,
    code=st.text("0123456789", min_size=6, max_size=6),
    locale=st.sampled_from([*LANGUAGES, "tlh"]),
    idempotency_key=st.just(""),
    queued_at=INSTANTS,
    valid_for=st.timedeltas(timedelta(0), timedelta(minutes=11)),
)
SENDERS = st.builds(
    MailSender,
    LINE.map(lambda text: text.translate(str.maketrans("", "", '"\\\\<>@,;:()[]')).strip()[:40]),
    ADDRESSES,
)


def template(known: str, needed: str = "") -> st.SearchStrategy[Template]:
    """Words with placeholders between them."""
    names = [f"{{{{{name}}}}}" for name in known.split()]
    pieces = st.lists(WORDS.map(lambda text: text.replace("{", "")) | st.sampled_from(names), max_size=5)
    must = "".join(f"{{{{{name}}}}}" for name in needed.split())
    around = st.tuples(pieces.map("".join), pieces.map("".join))
    return around.map(lambda parts: parse_template(must.join(parts), known={*known.split()}))


WORDINGS = st.builds(
    Wording,
    subject=template("code product", "code"),
    heading=template("product"),
    valid_one_minute=template("product"),
    valid_minutes=template("minutes product", "minutes"),
    advice=template("product"),
)
BODIES = template("advice autofill code heading language product subject validity", "code")
DESIGNS = st.builds(
    Design,
    st.just(OURS.html) | BODIES,
    st.just(OURS.text) | BODIES,
    WORDINGS.map(lambda words: dict.fromkeys(LANGUAGES, words)),
)
PRODUCTS = LINE.filter(lambda text: text.strip() != "").map(str.strip)
STATIONERY = st.builds(
    Stationery,
    SENDERS,
    PRODUCTS | st.just("Example"),
    st.none() | st.just("auth.example.com"),
    st.just(OURS) | DESIGNS,
)
LETTER = Letter(
    delivery_id=UUID("01890000-0000-7000-8000-000000000001"),
    email="pilot@example.org",
    code="012345",
    locale="ja",
    idempotency_key="",
    queued_at=datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
    valid_for=timedelta(minutes=10),
)
SENDER = MailSender("Example", "login@example.com")


def by_library(letter: Letter, stationery: Stationery) -> bytes | type[Exception]:
    try:
        return write_letter(letter, stationery)
    except Exception as fault:  # noqa: BLE001 - what the library cannot write, nobody can
        return type(fault)


@settings(deadline=None, max_examples=60)
@given(STATIONERY, st.lists(LETTERS, min_size=1, max_size=3))
def test_a_letter_by_mould_is_the_librarys(stationery: Stationery, letters: list[Letter]) -> None:
    writer = LetterWriter(stationery)
    for letter in letters:
        expected = by_library(letter, stationery)
        if isinstance(expected, bytes):
            assert writer.write(letter) == expected


@settings(deadline=None, max_examples=60)
@given(ADDRESSES, st.text("0123456789", min_size=6, max_size=6), st.uuids(), INSTANTS, st.sampled_from(LANGUAGES))
@example("a" * 64 + "@" + "b" * 60 + ".example", "000000", UUID(int=0), datetime(2026, 1, 2, tzinfo=UTC), "ja")
@example("=?utf-8?q?a=2Cb?=@example.org", "999999", UUID(int=2**128 - 1), datetime(2026, 1, 2, tzinfo=UTC), "en")
def test_our_letters_are_the_librarys_for_every_address_code_and_time(
    email: str, code: str, delivery_id: UUID, queued_at: datetime, locale: str
) -> None:
    letter = replace(LETTER, email=email, code=code, delivery_id=delivery_id, queued_at=queued_at, locale=locale)
    assert WRITER.write(letter) == write_letter(letter, HOUSE)


HOUSE = Stationery(SENDER, "Bücher & Söhne", "auth.example.com", OURS)
WRITER = LetterWriter(HOUSE)


@pytest.mark.parametrize("locale", LANGUAGES)
@pytest.mark.parametrize("minutes", [1, 2, 10])
def test_in_every_language_letters_are_written_by_mould(
    locale: str, minutes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted, not timed: once the mould is there, the library is not asked."""
    writer = LetterWriter(HOUSE)
    letter = replace(LETTER, locale=locale, valid_for=timedelta(minutes=minutes))
    expected = write_letter(letter, HOUSE)
    writer.write(letter)
    monkeypatch.delattr(moulds, "write_letter")
    assert writer.write(letter) == expected


@pytest.mark.parametrize(
    "subject",
    [
        "ログインコード：{{code}}",
        "{{code}}はコードです",
        "Ihr Code für Bücher:{{code}}",
        "é{{code}}é",
        "{{code}} {{code}}",
    ],
)
def test_a_code_inside_an_encoded_word_of_the_subject_has_a_mould_too(
    subject: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = replace(OURS.wordings["ja"], subject=parse_template(subject, known={"code"}))
    stationery = replace(HOUSE, design=replace(OURS, wordings={**OURS.wordings, "ja": words}))
    writer = LetterWriter(stationery)
    expected = write_letter(LETTER, stationery)
    writer.write(LETTER)
    monkeypatch.delattr(moulds, "write_letter")
    assert writer.write(LETTER) == expected


@pytest.mark.parametrize("length", range(55, 85))
def test_a_code_that_a_soft_line_break_parts_has_a_mould_too(length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    html = parse_template("x" * length + "{{code}}", known={"code"})
    stationery = replace(HOUSE, design=replace(OURS, html=html))
    writer = LetterWriter(stationery)
    expected = write_letter(LETTER, stationery)
    writer.write(LETTER)
    monkeypatch.delattr(moulds, "write_letter")
    assert writer.write(LETTER) == expected


def test_a_wording_that_no_mould_fits_goes_the_long_way_and_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """Every stand-in stands in the text itself, so none can be told from it."""
    known = parse_template("081927 574362 630594 {{code}}", known={"code"})
    stationery = replace(HOUSE, design=replace(OURS, text=known))
    writer = LetterWriter(stationery)
    for _ in range(3):
        assert writer.write(LETTER) == write_letter(LETTER, stationery)
    assert [record.message for record in caplog.records].count(
        "no mould fits: letters in this language are written slowly"
    ) == 1


def test_moulds_are_bounded() -> None:
    writer = LetterWriter(HOUSE)
    writer._moulds = dict.fromkeys([("en", -minutes) for minutes in range(moulds.MAX_MOULDS)])
    writer.write(LETTER)
    assert len(writer._moulds) == 1
