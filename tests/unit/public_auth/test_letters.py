"""Letters, read back as a mail program reads them, in every language (SPEC §7.1; RFC 5322, 2045, 2046, 2047, 3834)."""

import email
import email.policy
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.public_auth.mail.design import our_design
from services.public_auth.mail.letters import Stationery
from services.public_auth.mail.letters import write_letter as write
from services.public_auth.mail.transport import Letter
from shared.io.smtp import mailbox
from shared.kernel.email_address import parse_email
from shared.kernel.language import LANGUAGES as TAGS
from shared.kernel.mail_sender import MailSender, parse_mail_sender

SENDER = MailSender("Example", "login@example.com")
LETTER = Letter(
    delivery_id=UUID("01890000-0000-7000-8000-000000000001"),
    email="pilot@example.org",
    code="012345",
    locale="en",
    idempotency_key="challenge-secret",
    queued_at=datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
    valid_for=timedelta(minutes=10),
)
LANGUAGES = pytest.mark.parametrize("locale", TAGS)
WORDINGS = our_design().wordings
GIVEN = {"code": "012345", "product": "Example", "minutes": "10"}


def stationery(sender: MailSender = SENDER, product: str = "Example", host: str | None = None) -> Stationery:
    return Stationery(sender, product, host, our_design())


def write_letter(letter: Letter, sender: MailSender) -> bytes:
    """By the library; `test_moulds` holds letters by mould to the same bytes."""
    return write(letter, stationery(sender))


def read(content: bytes) -> EmailMessage:
    return email.message_from_bytes(content, policy=email.policy.default)


def bodies(message: EmailMessage) -> list[tuple[str, str]]:
    return [(part.get_content_type(), part.get_content()) for part in message.iter_parts()]


def test_every_language_that_a_person_may_prefer_has_its_words() -> None:
    assert list(WORDINGS) == list(TAGS)
    everything = [text.parts for each in WORDINGS.values() for text in (each.subject, each.heading, each.advice)]
    assert len(set(everything)) == len(everything)


@LANGUAGES
def test_a_letter_is_whole_in_text_and_html_with_the_code_in_its_subject(locale: str) -> None:
    message = read(write_letter(replace(LETTER, locale=locale), SENDER))
    words = WORDINGS[locale]

    assert message["Subject"] == words.subject.filled(GIVEN)
    assert message["Content-Language"] == locale
    assert message.get_content_type() == "multipart/alternative"
    (text_type, text), (html_type, html) = bodies(message)
    assert (text_type, html_type) == ("text/plain", "text/html")
    for body in (text, html):
        assert words.heading.filled(GIVEN) in body
        assert "012345" in body
        assert words.valid_minutes.filled(GIVEN) in body
        assert words.advice.filled(GIVEN) in body
    assert f'<html lang="{locale}"' in html
    assert [part.get_content_charset() for part in message.iter_parts()] == ["utf-8", "utf-8"]


@LANGUAGES
def test_the_headers_are_those_of_a_letter_that_no_machine_answers(locale: str) -> None:
    message = read(write_letter(replace(LETTER, locale=locale), SENDER))
    assert str(message["From"]) == "Example <login@example.com>"
    assert str(message["To"]) == "pilot@example.org"
    assert message["Date"].datetime == LETTER.queued_at.replace(microsecond=0)
    assert message["Message-ID"] == f"<{LETTER.delivery_id}@example.com>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["MIME-Version"] == "1.0"
    assert len(message.keys()) == len(set(message.keys()))
    assert not any(header.defects for header in message.values())
    assert not message.defects


@LANGUAGES
def test_every_server_takes_it_seven_bits_short_lines_crlf(locale: str) -> None:
    content = write_letter(replace(LETTER, locale=locale), SENDER)
    assert content.isascii()
    lines = content.split(b"\r\n")
    assert not any(b"\n" in line or b"\r" in line for line in lines)
    assert max(map(len, lines)) <= 78
    assert all(len(word) <= 75 for word in re.findall(rb"=\?.*?\?=", content))


@LANGUAGES
def test_there_is_no_link_and_nothing_to_load_in_a_letter(locale: str) -> None:
    """Scanners open links, and so would use them up."""
    for _, body in bodies(read(write_letter(replace(LETTER, locale=locale), SENDER))):
        assert not re.search(r"https?:|www\.|href|src=|url\(|<a\b|<img|<link|<script", body, re.IGNORECASE)


@LANGUAGES
@pytest.mark.parametrize(
    ("valid_for", "minutes"),
    [
        (timedelta(minutes=10), 10),
        (timedelta(minutes=9, seconds=59.2), 10),
        (timedelta(minutes=3, seconds=20), 3),
        (timedelta(minutes=1, seconds=20), 1),
        (timedelta(seconds=5), 1),
    ],
)
def test_a_letter_says_how_long_its_code_still_lives(locale: str, valid_for: timedelta, minutes: int) -> None:
    """A code that is shared and mailed again has less than ten minutes left."""
    words = WORDINGS[locale]
    said = (words.valid_one_minute if minutes == 1 else words.valid_minutes).filled({**GIVEN, "minutes": str(minutes)})
    for _, body in bodies(read(write_letter(replace(LETTER, locale=locale, valid_for=valid_for), SENDER))):
        assert said in body


def test_a_language_that_we_do_not_speak_is_english() -> None:
    message = read(write_letter(replace(LETTER, locale="tlh"), SENDER))
    assert (message["Content-Language"], message["Subject"]) == ("en", "012345 is your Example login code")


def test_a_letter_that_is_tried_again_is_the_same_and_another_one_is_not() -> None:
    first = write_letter(LETTER, SENDER)
    assert write_letter(LETTER, SENDER) == first
    again = read(write_letter(replace(LETTER, valid_for=timedelta(minutes=4)), SENDER))
    assert (again["Message-ID"], again["Date"]) == (read(first)["Message-ID"], read(first)["Date"])
    other = read(write_letter(replace(LETTER, delivery_id=UUID(int=2)), SENDER))
    assert other["Message-ID"] != again["Message-ID"]


def shown_text(html: str) -> str:
    """The text that a browser shows, roughly: without head, hidden lines and tags."""
    body = html.partition("<body")[2].partition(">")[2]
    visible = re.sub(r'<div style="display: none.*?</div>', "", body, flags=re.DOTALL)
    return re.sub(r"<[^>]*>", "", visible)


@LANGUAGES
def test_a_notification_shows_the_code_and_a_reader_sees_it_once_in_one_run(locale: str) -> None:
    """Notifications show the subject and the first words of the body, which are hidden in the letter itself."""
    message = read(write_letter(replace(LETTER, locale=locale), SENDER))
    (_, text), (_, html) = bodies(message)
    assert "012345" in message["Subject"]
    preheader = re.search(r'<div style="display: none[^>]*>\s*(\S+)', html)
    assert preheader is not None
    assert preheader[1] == "012345"
    assert shown_text(html).count("012345") == text.count("012345") == 1
    assert "    012345" in text.splitlines()


def test_a_letter_names_the_product_and_markup_in_names_is_text() -> None:
    product = "Müller & <b>Söhne</b>"
    message = read(write(LETTER, stationery(product=product)))
    (_, text), (_, html) = bodies(message)
    assert product in message["Subject"]
    assert product in text
    assert "Müller &amp; &lt;b&gt;Söhne&lt;/b&gt;" in html
    assert "<b>" not in html


@LANGUAGES
def test_the_last_line_binds_the_code_to_the_host_of_the_public_api(locale: str) -> None:
    """https://wicg.github.io/sms-one-time-codes: a phone offers the code on that host alone."""
    (_, text), (_, html) = bodies(read(write(replace(LETTER, locale=locale), stationery(host="auth.example.com"))))
    assert text.splitlines()[-1] == "@auth.example.com #012345"
    assert shown_text(html).strip().endswith("@auth.example.com #012345")
    for _, body in bodies(read(write_letter(replace(LETTER, locale=locale), SENDER))):
        assert "@" not in body.partition("<body")[2]


def test_the_page_is_light_and_dark_and_fits_a_phone() -> None:
    _, (_, html) = bodies(read(write_letter(LETTER, SENDER)))
    assert '<meta name="color-scheme" content="light dark">' in html
    assert "@media (prefers-color-scheme: dark)" in html
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in html
    assert not re.search(r"[^-]width=\"(?!100%|480)", html)  # one fixed width, for a program that ignores styles


def test_the_challenge_is_not_in_the_letter() -> None:
    assert b"challenge" not in write_letter(LETTER, SENDER)


local_parts = st.text("abcXYZ019.!#$%&'*+/=?^_`{|}~-", min_size=1, max_size=200)


@given(local_parts)
@example("=?utf-8?q?a=2Cvictim=40bank.example=2Cb?=")
@example("=?utf-8?q?=0a?=")
@example("=?utf-8?q??=")
@example("=?a?b?YWJj?=")
def test_every_address_that_the_web_allows_is_written_as_it_is(local_part: str) -> None:
    """Read as bytes: the library that would decode an encoded word in a local part would do so here too."""
    address = parse_email(f"{local_part}@example.org").identity
    written = write_letter(replace(LETTER, email=address), SENDER)
    head = written.partition(b"\r\n\r\n")[0].decode("ascii").split("\r\n")
    assert [line for line in head if re.match("(to|cc|bcc):", line, re.IGNORECASE)] == [f"To: {mailbox(address)}"]


@given(st.text("abcXYZ019.!#$%&'*+/^_`{|}~-", min_size=1, max_size=200))
def test_an_address_is_read_back_as_it_was(local_part: str) -> None:
    address = parse_email(f"{local_part}@example.org").identity
    message = read(write_letter(replace(LETTER, email=address), SENDER))
    [to] = message["To"].addresses
    assert f"{to.username}@{to.domain}" == address
    assert message["To"].defects == ()


@given(st.text(max_size=80))
def test_no_sender_makes_a_second_header(text: str) -> None:
    try:
        sender = parse_mail_sender(f"{text} <login@example.com>")
    except ValueError:
        return
    message = read(write_letter(LETTER, sender))
    assert [name for name, _ in message.items()] == [name for name, _ in read(write_letter(LETTER, SENDER)).items()]
    [address] = message["From"].addresses
    assert address.addr_spec == "login@example.com"


@pytest.mark.parametrize(
    ("text", "display_name", "address"),
    [
        ("login@example.com", "", "login@example.com"),
        ("Example <login@Example.COM>", "Example", "login@example.com"),
        ('"Example, Inc." <login@example.com>', "Example, Inc.", "login@example.com"),
        ("Bücher <login@bücher.example>", "Bücher", "login@xn--bcher-kva.example"),
    ],
)
def test_a_sender_is_an_address_with_or_without_a_name(text: str, display_name: str, address: str) -> None:
    sender = parse_mail_sender(text)
    assert sender == MailSender(display_name, address)
    [shown] = read(write_letter(LETTER, sender))["From"].addresses
    assert (shown.display_name, shown.addr_spec) == (display_name, address)


@pytest.mark.parametrize(
    "text",
    ["", "Example", "Example <>", "a@b.example, c@d.example", "Example, Inc. <a@b.example>",
     "A\r\nBcc: x@y.example <a@b.c>", "A <a@b.example> c", "<a@b.example", "a b@c.example"],
)  # fmt: skip
def test_a_text_that_is_not_one_address_is_no_sender(text: str) -> None:
    with pytest.raises(ValueError, match="one address"):
        parse_mail_sender(text)
