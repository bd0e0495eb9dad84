"""Kernel: who letters come from, as one writes it: `Example <login@example.com>` or the address alone (RFC 5322)."""

from dataclasses import dataclass
from email.errors import HeaderParseError
from email.headerregistry import UniqueAddressHeader
from email.policy import default
from typing import cast

from shared.kernel.email_address import parse_email


@dataclass(frozen=True, slots=True)
class MailSender:
    """`address` is an e-mail address whose domain is in A-labels; `display_name` may be empty."""

    display_name: str
    address: str

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


def parse_mail_sender(text: str) -> MailSender:
    """Exactly one address. Raises `ValueError` with what it must be."""
    try:
        header = default.header_factory("From", text)
        is_sound = text.isprintable() and not header.defects
        [address] = list(cast("UniqueAddressHeader", header).addresses) if is_sound else []
        return MailSender(address.display_name, parse_email(address.addr_spec).identity)
    except (ValueError, IndexError, HeaderParseError):
        raise ValueError("one address such as login@example.com or Example <login@example.com>") from None
