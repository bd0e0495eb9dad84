"""The sender of our mails: `Example <login@example.com>` or the address alone (RFC 5322 §3.4)."""

import re
from dataclasses import dataclass

from shared.kernel.email_address import parse_email

# The standard library's parser of headers repairs bad input, and raises undocumented exceptions.
_NAME_AND_ADDRESS = re.compile(r'(?:"([^"\\]*)"|([^"\\<>@,;:()\[\]]*)) ?<([^<>]+)>')


@dataclass(frozen=True, slots=True)
class MailSender:
    """A sender. The domain of `address` is in A-labels; `display_name` may be empty."""

    display_name: str
    address: str

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


def parse_mail_sender(text: str) -> MailSender:
    """Parse one sender. A name with punctuation must be quoted. Raises `ValueError` that names the right form."""
    match = _NAME_AND_ADDRESS.fullmatch(text) if text.isprintable() else None
    try:
        address = parse_email(match[3] if match else text).identity
    except ValueError:
        raise ValueError("one address such as login@example.com or Example <login@example.com>") from None
    return MailSender((match[1] or match[2] or "").strip() if match else "", address)
