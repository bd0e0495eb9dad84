"""E-mail addresses: which text is one, and when two are the same (SPEC §2.3). No other code decides that."""

import re
from dataclasses import dataclass, field

import idna

from contracts.strict_json import WHITE_SPACE

_MAX_BYTES = 254  # RFC 5321 §4.5.3.1.3: a path of 256 octets, less its angle brackets
# https://html.spec.whatwg.org/multipage/input.html#valid-e-mail-address, in two parts.
_LOCAL_PART = re.compile(r"[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")


@dataclass(frozen=True, slots=True)
class EmailAddress:
    """A valid address in two forms. Both have the domain in lower-case A-labels, and `repr` hides both.

    `identity` keeps the local part as it was typed. Mails go to it, and a user service gets it.
    `folded` is in lower case and names a person: users, blocks, mail limits and guess budgets compare it. A local part
    is ASCII, so lower case is all that folding means, and no other character becomes an ASCII letter.
    """

    identity: str = field(repr=False)
    folded: str = field(repr=False)

    @property
    def domain(self) -> str:
        return self.identity.rpartition("@")[2]

    @property
    def mailbox(self) -> str:
        """`folded` without the part after a `+` in the local part. Most mail servers deliver all of these to one place.

        Mail limits count it. It never identifies a user.
        """
        local_part, _, domain = self.folded.rpartition("@")
        return f"{local_part.partition('+')[0] or local_part}@{domain}"


def parse_email(text: str) -> EmailAddress:
    """Parse an address by the rules of WHATWG's `<input type=email>`. A Unicode domain becomes A-labels (UTS 46).

    The limit of 254 bytes holds for the typed text and for the form with A-labels. Unicode's white space around the
    text is trimmed. Raises `ValueError`, whose message never repeats the text.
    """
    text = text.strip(WHITE_SPACE)
    local_part, at, domain = text.rpartition("@")
    if not at or len(text.encode(errors="replace")) > _MAX_BYTES or not _LOCAL_PART.fullmatch(local_part):
        raise ValueError("not a valid e-mail address")
    identity = f"{local_part}@{parse_email_domain(domain)}"
    if len(identity) > _MAX_BYTES:
        raise ValueError("not a valid e-mail address")
    return EmailAddress(identity=identity, folded=identity.lower())


def parse_email_domain(text: str) -> str:
    """Parse the domain of an address into lower-case A-labels, the form of `EmailAddress.domain`.

    Raises `ValueError` if no address of 254 bytes can have this domain. The message never repeats the text.
    """
    if len(text.encode(errors="replace")) > _MAX_BYTES:
        raise ValueError("not a valid e-mail address")
    domain = _a_labels(text)
    if len(domain) > _MAX_BYTES - len("x@") or not _DOMAIN.fullmatch(domain):
        raise ValueError("not a valid e-mail address")
    return domain


def _a_labels(domain: str) -> str:
    """The domain in lower-case A-labels. ASCII labels bypass `idna`, which refuses real ones like `r3---sn`."""
    if domain.isascii():
        return domain.lower()
    try:
        mapped = idna.uts46_remap(domain, std3_rules=True, transitional=False)
        return ".".join(label if label.isascii() else idna.alabel(label).decode("ascii") for label in mapped.split("."))
    except UnicodeError:  # idna.IDNAError is one; its message shows the domain
        raise ValueError("not a valid e-mail address") from None
