"""Kernel: the one function that decides what an e-mail address is and when two are the same (SPEC §2.3)."""

import re
from dataclasses import dataclass, field

import idna

from contracts.strict_json import WHITE_SPACE

_MAX_BYTES = 254  # RFC 5321 §4.5.3.1.3: a path of 256 octets, less its angle brackets
# https://html.spec.whatwg.org/multipage/input.html#valid-e-mail-address, in two halves.
_LOCAL_PART = re.compile(r"[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")


@dataclass(frozen=True, slots=True)
class EmailAddress:
    """A valid address. `folded` names a person: users, blocks, mail limits and guess budgets compare it.

    Both have the domain as lower-case A-labels. `identity` is the spelling: it keeps the local part as typed. Letters
    go to it, and a user service is told it. `folded` is without case: a local part is ASCII, so folding is lowering,
    and nothing else becomes an ASCII letter by it. Hidden from `repr`, so that no log or traceback shows it.
    """

    identity: str = field(repr=False)
    folded: str = field(repr=False)

    @property
    def domain(self) -> str:
        return self.identity.rpartition("@")[2]

    @property
    def mailbox(self) -> str:
        """`folded` without what follows a `+` in the local part: most mail servers have one mailbox for all of these.

        It bounds how much is mailed, and never says who somebody is.
        """
        local_part, _, domain = self.folded.rpartition("@")
        return f"{local_part.partition('+')[0] or local_part}@{domain}"


def parse_email(text: str) -> EmailAddress:
    """Accept what WHATWG's `<input type=email>` does, at most 254 bytes; a Unicode domain becomes A-labels (UTS 46).

    The limit holds for the text as typed and with A-labels. Unicode's white space around it is trimmed. Raises
    `ValueError`, whose message never repeats the text.
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
    """The domain of an address, as `EmailAddress.domain` has it: lower-case A-labels; a Unicode one becomes that.

    Raises `ValueError`, whose message never repeats the text: for what no address of 254 bytes has behind its @.
    """
    if len(text.encode(errors="replace")) > _MAX_BYTES:
        raise ValueError("not a valid e-mail address")
    domain = _a_labels(text)
    if len(domain) > _MAX_BYTES - len("x@") or not _DOMAIN.fullmatch(domain):
        raise ValueError("not a valid e-mail address")
    return domain


def _a_labels(domain: str) -> str:
    """Lower-case A-labels. ASCII labels are only lowered: `idna` refuses some that exist, like `r3---sn`."""
    if domain.isascii():
        return domain.lower()
    try:
        mapped = idna.uts46_remap(domain, std3_rules=True, transitional=False)
        return ".".join(label if label.isascii() else idna.alabel(label).decode("ascii") for label in mapped.split("."))
    except UnicodeError:  # idna.IDNAError is one; its message shows the domain
        raise ValueError("not a valid e-mail address") from None
