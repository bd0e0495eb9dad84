"""Writes the letter that carries a login code: RFC 5322, text and HTML (RFC 2046 §5.1.4), 7-bit lines. Pure.

No link in it: scanners open links, and people who expect none are harder to phish. Nothing that a stranger typed gets
into a letter, but for the address it goes to.
"""

from datetime import timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, Policy

from services.public_auth.mail.transport import Letter
from services.public_auth.mail.wordings import Wording, wording
from shared.io.smtp import mailbox
from shared.kernel.mail_sender import MailSender

_POLICY = SMTP.clone(cte_type="7bit")  # any server takes it: no 8BITMIME, no SMTPUTF8
_ONE_MINUTE = timedelta(minutes=1)


class _Recipient(str):
    """A `To` that is written as it is: the library would decode what looks like an encoded word in the local part, and
    `=?utf-8?q?a=2Cb?=@example.org` would become two addresses. RFC 2047 §5 allows none there."""

    __slots__ = ()
    name = "To"

    def fold(self, *, policy: Policy) -> str:
        """As `policy` asks of a header: an address has no place to break at."""
        return f"{self.name}: {self}{policy.linesep}"


def write_letter(letter: Letter, sender: MailSender) -> bytes:
    """The whole message. A letter that is tried again has the same Message-ID and Date: a double shows as one."""
    tag, words = wording(letter.locale)
    validity = _validity(words, letter.valid_for)
    message = EmailMessage(policy=_POLICY)
    message["From"] = Address(sender.display_name, addr_spec=mailbox(sender.address))
    message["To"] = _Recipient(mailbox(letter.email))
    message["Subject"] = words.subject.format(code=letter.code)
    message["Date"] = letter.queued_at
    message["Message-ID"] = f"<{letter.delivery_id}@{sender.domain}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834 §5: nobody's out-of-office note answers
    message.set_content(_text(words, letter.code, validity))
    message.add_alternative(_html(tag, words, letter.code, validity), subtype="html")
    message["Content-Language"] = tag
    message.set_boundary(f"=_{letter.delivery_id}")  # none is drawn by chance: the bytes depend on the letter alone
    return message.as_bytes()


def _validity(words: Wording, valid_for: timedelta) -> str:
    minutes = max(1, round(valid_for / _ONE_MINUTE))
    return words.valid_one_minute if minutes == 1 else words.valid_minutes.format(minutes=minutes)


def _text(words: Wording, code: str, validity: str) -> str:
    return f"{words.heading}\n\n    {code}\n\n{validity}\n\n{words.advice}\n"


def _html(tag: str, words: Wording, code: str, validity: str) -> str:
    return f"""\
<!doctype html>
<html lang="{tag}">
<head><meta charset="utf-8"><title>{words.heading}</title></head>
<body style="font-family: sans-serif">
<p>{words.heading}</p>
<p style="font-size: 2em; font-weight: bold; letter-spacing: 0.1em">{code}</p>
<p>{validity}</p>
<p>{words.advice}</p>
</body>
</html>
"""
