"""Writes the letters that carry no code: notices of new devices, and invitations (SPEC §20.3, §20.4). Pure.

A notice has one link, to our own page, and the page changes nothing until its reader presses a button. The label of a
device is text of whoever logged in, perhaps of a thief: no mail program may make a link of it.
"""

import re
from datetime import UTC, datetime
from html import escape
from zoneinfo import ZoneInfo

from services.public_auth.mail.design import Wording
from services.public_auth.mail.letters import Content, Stationery, write_mail
from services.public_auth.mail.template import Template
from services.public_auth.mail.transport import Invitation, Notice

_WORD_JOINER = "\u2060"
_LINK_MARKS = re.compile(r"([.:/@])(?=\S)")
_BLANK_LINES = re.compile(r"\n{3,}")
_BUTTON_STYLE = (
    "display: inline-block; padding: 12px 24px;\n"
    "background-color: #14191e; border: 1px solid #14191e; border-radius: 8px;\n"
    "font-size: 16px; line-height: 24px; font-weight: 600; color: #ffffff;\ntext-decoration: none"
)
_BUTTON = Template(('<a class="button" href="', "link", f'" style="{_BUTTON_STYLE}">', "button", "</a>"))
_ROW = Template(('<span class="faint" style="color: #5b6875">', "name", "</span><br>\n", "value", ""))
_ROW_GAP = '<br>\n<span style="display: block; line-height: 10px">&nbsp;</span>\n'


def write_message(letter: Notice | Invitation, stationery: Stationery) -> bytes:
    """The whole message. A retried letter has the same bytes."""
    tag, words = stationery.design.wording(letter.locale)
    match letter:
        case Notice():
            values, details, link = _notice(letter, stationery.product, words)
        case Invitation():
            values, details, link = _invitation(letter, stationery.product, words), (), None
    values |= {"language": tag, "product": stationery.product}
    content = Content(
        values["subject"],
        _text(stationery.design.message_text, values, details, link),
        _html(stationery.design.message_html, values, details, link),
    )
    return write_mail(letter, stationery.sender, tag, content)


_Rows = tuple[tuple[str, tuple[str, ...]], ...]


def _notice(letter: Notice, product: str, words: Wording) -> tuple[dict[str, str], _Rows, str | None]:
    given = {"product": product}
    time = (words.notice_time.filled(given), shown_times(letter.queued_at, letter.time_zone))
    device = () if letter.label is None else ((words.notice_device.filled(given), (_unlinked(letter.label),)),)
    advice = words.notice_advice if letter.link else words.notice_advice_without_link
    values = {
        "subject": words.notice_subject.filled(given),
        "heading": words.notice_heading.filled(given),
        "intro": words.notice_intro.filled(given),
        "advice": advice.filled(given),
        "button": words.notice_button.filled(given),
    }
    return values, (time, *device), letter.link


def _invitation(letter: Invitation, product: str, words: Wording) -> dict[str, str]:
    given = {"product": product, "email": letter.email}
    return {
        "subject": words.invitation_subject.filled(given),
        "heading": words.invitation_heading.filled(given),
        "intro": words.invitation_intro.filled(given),
        "advice": words.invitation_advice.filled(given),
        "button": "",
    }


def shown_times(instant: datetime, time_zone: str) -> tuple[str, ...]:
    """The time in the user's zone and in UTC, in the order of digits that every language reads."""
    utc = f"{instant.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    if time_zone == "UTC":
        return (utc,)
    try:
        local = instant.astimezone(ZoneInfo(time_zone))
    except (KeyError, ValueError, OSError):  # no such zone on this machine
        return (utc,)
    return f"{local:%Y-%m-%d %H:%M} {time_zone}", utc


def _unlinked(label: str) -> str:
    """The label with an invisible mark wherever a mail program might see an address of the web or of mail."""
    return _LINK_MARKS.sub(rf"\1{_WORD_JOINER}", label)


def _text(template: Template, values: dict[str, str], details: _Rows, link: str | None) -> str:
    rows = "\n".join(f"{name}: {' · '.join(lines)}" for name, lines in details)
    action = "" if link is None else f"{values['button']}:\n{link}"
    return _BLANK_LINES.sub("\n\n", template.filled(values | {"details": rows, "action": action}))


def _html(template: Template, values: dict[str, str], details: _Rows, link: str | None) -> str:
    escaped = {name: escape(value) for name, value in values.items()}
    rows = _ROW_GAP.join(
        _ROW.filled({"name": escape(name), "value": "<br>\n".join(map(escape, lines))}) for name, lines in details
    )
    action = "" if link is None else _BUTTON.filled(escaped | {"link": escape(link)})
    return template.filled(escaped | {"details": rows, "action": action})
