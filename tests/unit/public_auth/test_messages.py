"""Notices and invitations, read back as a mail program reads them, in every language (SPEC §20.3, §20.4)."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from uuid import UUID

import pytest

from services.public_auth.mail.design import our_design, read_design
from services.public_auth.mail.letters import Stationery
from services.public_auth.mail.messages import shown_times, write_message
from services.public_auth.mail.transport import Invitation, Notice
from shared.kernel.language import LANGUAGES
from shared.kernel.mail_sender import MailSender
from tests.unit.public_auth.test_letters import bodies, read

TOKEN = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
LINK = f"https://auth.example.com/not-me#{TOKEN}"
NOTICE = Notice(
    delivery_id=UUID("01890000-0000-7000-8000-000000000001"),
    email="pilot@example.org",
    locale="en",
    queued_at=datetime(2026, 1, 2, 23, 4, 5, tzinfo=UTC),
    time_zone="Europe/Berlin",
    label="Firefox on Linux",
    link=LINK,
)
INVITATION = Invitation(NOTICE.delivery_id, NOTICE.email, "en", NOTICE.queued_at)
STATIONERY = Stationery(MailSender("Example", "login@example.com"), "Example", None, our_design())
languages = pytest.mark.parametrize("locale", LANGUAGES)


def written(letter: Notice | Invitation, stationery: Stationery = STATIONERY) -> tuple[EmailMessage, str, str]:
    """The message, its text and its HTML."""
    message = read(write_message(letter, stationery))
    (_, text), (_, html) = bodies(message)
    return message, text, html


def visible(html: str) -> str:
    return re.sub(r"<[^>]*>", "", html.partition("</style>")[2])


def test_every_wording_of_a_language_is_its_own() -> None:
    wordings = our_design().wordings
    for entry in ("notice_subject", "notice_intro", "notice_advice", "notice_button", "invitation_intro"):
        assert len({getattr(words, entry).parts for words in wordings.values()}) == len(LANGUAGES)


@languages
def test_a_notice_says_when_on_which_device_and_what_to_do(locale: str) -> None:
    message, text, html = written(replace(NOTICE, locale=locale))
    assert (message["To"], message["Content-Language"]) == (NOTICE.email, locale)
    assert message["Auto-Submitted"] == "auto-generated"
    for part in (text, visible(html)):
        assert re.search(r"2026-01-03 00:04 Europe/Berlin( · |\s+)2026-01-02 23:04 UTC", part)
        assert "Firefox on Linux" in part
        assert our_design().wordings[locale].notice_intro.filled({"product": "Example"}) in part
    assert LINK in text
    assert f'href="{LINK}"' in html
    assert html.count("http") == 1
    assert not re.search(r"\b[0-9]{6}\b", text + visible(html))
    assert "{{" not in text + html
    assert max(map(len, write_message(replace(NOTICE, locale=locale), STATIONERY).splitlines())) <= 998


@languages
def test_a_notice_without_a_page_names_the_list_of_devices_and_has_no_link(locale: str) -> None:
    _, text, html = written(replace(NOTICE, locale=locale, link=None, label=None))
    assert "http" not in text + html
    assert "</a>" not in html
    assert our_design().wordings[locale].notice_advice_without_link.filled({"product": "Example"}) in text
    assert "\n\n\n" not in text


@languages
def test_an_invitation_names_the_address_and_has_no_link(locale: str) -> None:
    _, text, html = written(replace(INVITATION, locale=locale))
    assert NOTICE.email in text
    assert NOTICE.email in visible(html)
    assert "http" not in text + html


@pytest.mark.parametrize("label", ["evil.example/pay", "https://evil.example", "mail boss@evil.example", "<b>&amp;"])
def test_a_label_is_text_that_no_mail_program_makes_a_link_of(label: str) -> None:
    _, text, html = written(replace(NOTICE, label=label))
    assert label.replace(".", ".\u2060") not in html or "." not in label
    assert not re.search(r"evil\.example|boss@evil|https://evil", text.replace(LINK, "") + html)
    assert "<b>" not in html


def test_a_retried_letter_is_the_same_message() -> None:
    assert write_message(NOTICE, STATIONERY) == write_message(replace(NOTICE, mail_change_id=UUID(int=1)), STATIONERY)


@pytest.mark.parametrize("time_zone", ["UTC", "Mars/Base", ""])
def test_a_zone_that_is_unknown_or_utc_shows_one_time(time_zone: str) -> None:
    assert shown_times(NOTICE.queued_at, time_zone) == ("2026-01-02 23:04 UTC",)


def test_a_folder_from_before_these_letters_still_boots_and_ours_stand_in(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Hi! {{code}}\n")
    (tmp_path / "en.toml").write_text('subject = "{{code}}"\n')
    design = read_design(tmp_path)
    assert design.message_html == our_design().message_html
    assert design.wordings["en"].notice_subject == our_design().wordings["en"].notice_subject
    _, text, _ = written(NOTICE, replace(STATIONERY, design=design))
    assert LINK in text


def test_a_folder_may_replace_these_letters_too(tmp_path: Path) -> None:
    (tmp_path / "message.txt").write_text("{{intro}}|{{details}}|{{action}}\n")
    (tmp_path / "en.toml").write_text('notice_intro = "Hello from {{product}}"\n')
    _, text, _ = written(NOTICE, replace(STATIONERY, design=read_design(tmp_path)))
    assert text.startswith("Hello from Example|Time: ")
