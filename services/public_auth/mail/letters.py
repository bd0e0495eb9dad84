"""Writes the letter that carries a login code: RFC 5322, text and HTML (RFC 2046 §5.1.4), 7-bit lines. Pure.

A letter has no link: scanners open links, and people who expect none are harder to phish. Its address is the only text
in it that a stranger may have typed.

Bodies are quoted-printable in every language (docs/decisions/0046-letters.md). Every server accepts seven bits. No
relay has to change the letter, which would break its signature. Filters distrust base64 for text.
"""

from dataclasses import dataclass
from datetime import timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, Policy
from html import escape

from services.public_auth.mail.design import Design, Wording
from services.public_auth.mail.transport import AnyLetter, Letter
from shared.io.smtp import mailbox
from shared.kernel.mail_sender import MailSender

_POLICY = SMTP.clone(cte_type="7bit")  # any server takes it: no 8BITMIME, no SMTPUTF8
_ENCODING = "quoted-printable"
_ONE_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Stationery:
    """The common parts of all letters of a process.

    `host` is the host of the public API. With it, letters have an autofill line, which binds the code to that host.
    """

    sender: MailSender
    product: str
    host: str | None
    design: Design


class _Recipient(str):
    """The value of `To`, written without change.

    The library would decode an encoded word in the local part, and `=?utf-8?q?a=2Cb?=@example.org` would become two
    addresses. RFC 2047 §5 allows no encoded word there.
    """

    __slots__ = ()
    name = "To"

    def fold(self, *, policy: Policy) -> str:
        """The header line, unfolded: an address has no place to break."""
        return f"{self.name}: {self}{policy.linesep}"


def write_letter(letter: Letter, stationery: Stationery) -> bytes:
    """The whole message. A retried letter has the same Message-ID and Date, so that mail programs show it once."""
    tag, words = stationery.design.wording(letter.locale)
    values = _values(letter, stationery, tag, words)
    design = stationery.design
    html = design.html.filled({name: escape(value) for name, value in values.items()})
    return write_mail(letter, stationery.sender, tag, Content(values["subject"], design.text.filled(values), html))


@dataclass(frozen=True, slots=True, repr=False)
class Content:
    """The subject and the two bodies of a letter."""

    subject: str
    text: str
    html: str


def write_mail(letter: AnyLetter, sender: MailSender, tag: str, content: Content) -> bytes:
    """The whole message around a content in the language `tag`."""
    message = EmailMessage(policy=_POLICY)
    message["From"] = Address(sender.display_name, addr_spec=mailbox(sender.address))
    message["To"] = _Recipient(mailbox(letter.email))
    message["Subject"] = content.subject
    message["Date"] = letter.queued_at
    message["Message-ID"] = f"<{letter.delivery_id}@{sender.domain}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834 §5: keeps automatic replies away
    message.set_content(content.text.rstrip() + "\n", cte=_ENCODING)
    message.add_alternative(content.html, subtype="html", cte=_ENCODING)
    message["Content-Language"] = tag
    message.set_boundary(f"=_{letter.delivery_id}")  # not random, so that the bytes depend only on the letter
    return message.as_bytes()


def shown_minutes(valid_for: timedelta) -> int:
    """The remaining life of the code in whole minutes, as the letter shows it; at least 1."""
    return max(1, round(valid_for / _ONE_MINUTE))


def _values(letter: Letter, stationery: Stationery, tag: str, words: Wording) -> dict[str, str]:
    minutes = shown_minutes(letter.valid_for)
    validity = words.valid_one_minute if minutes == 1 else words.valid_minutes
    given = {"code": letter.code, "product": stationery.product, "minutes": str(minutes)}
    return given | {
        "language": tag,
        "subject": words.subject.filled(given),
        "heading": words.heading.filled(given),
        "validity": validity.filled(given),
        "advice": words.advice.filled(given),
        "autofill": f"@{stationery.host} #{letter.code}" if stationery.host else "",
    }
