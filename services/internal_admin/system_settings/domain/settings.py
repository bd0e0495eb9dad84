"""The system settings: their names, their values, and how each value is written (SPEC §5.2).

This is the one definition, for the API and the command line.
The columns of the table `settings` have the same names and the same bounds
(`test_every_setting_is_a_column_of_the_row`).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import TypeAlias, cast

from contracts.strict_json import WHITE_SPACE
from shared.kernel.email_address import parse_email_domain

SettingValue: TypeAlias = bool | int | str | timedelta | tuple[str, ...] | None
"""A duration is a `timedelta`, or None where it is off. A list of e-mail domains is a sorted tuple of A-labels."""

MAX_EMAIL_DOMAINS = 1_000
EMPTY = "-"
"""An empty list, as text. No domain begins so."""
OFF = "off"
"""A duration that is off, as text and in JSON."""
_HOST_NEEDED = (
    "require_client_key_proof: each public process needs AUTHSESSION_PUBLIC_HOST, or no login succeeds there; "
    "`authsession doctor public` tells"
)
_WHOLE_NUMBER = re.compile(r"[0-9]{1,9}")
_DURATION = re.compile(r"([0-9]{1,9})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class InvalidSetting(Exception):
    """There is no such setting, or the value is none for it. The message is one sentence for a person."""


@dataclass(frozen=True, slots=True)
class Setting:
    """The meaning of a setting, and the form of its values. `values` is a text that follows "must be".

    `read` takes a value as JSON carries it, and raises `ValueError` with the form it must have. `from_text` makes such
    a value of text from the command line; from bad text it makes a value that `read` refuses.
    """

    meaning: str
    values: str
    read: Callable[[object], SettingValue]
    from_text: Callable[[str], object]


def read_setting(name: str, value: object) -> SettingValue:
    """The value of a setting from JSON. White space around texts is dropped.

    Raises `InvalidSetting`, which repeats nothing of the value.
    """
    require_setting(name)
    try:
        return SETTINGS[name].read(_trimmed(value))
    except ValueError as problem:
        raise InvalidSetting(f"{name} must be {problem}") from None


def require_setting(name: str) -> None:
    """Raises `InvalidSetting` if there is no setting of that name."""
    if name not in SETTINGS:
        raise InvalidSetting(f"there is no setting {name!r}; there are {', '.join(SETTINGS)}")


def read_setting_text(name: str, text: str) -> SettingValue:
    """The value of a setting from text as `as_text` writes it. Raises `InvalidSetting`, which repeats the text."""
    require_setting(name)
    try:
        return read_setting(name, SETTINGS[name].from_text(text.strip(WHITE_SPACE)))
    except InvalidSetting as problem:
        raise InvalidSetting(f"{problem}, not {text!r}") from None


def as_json(value: SettingValue) -> bool | int | str | list[str]:
    """The value as JSON carries it: durations as text like `90d`, lists as arrays."""
    match value:
        case tuple():
            return list(value)
        case timedelta():
            return _as_duration(value)
        case None:
            return OFF
        case _:
            return value


def as_text(value: SettingValue) -> str:
    """The value as the command line, the history and the audit trail write it."""
    match value:
        case bool():
            return str(value).lower()
        case tuple():
            return ",".join(value) or EMPTY
        case timedelta():
            return _as_duration(value)
        case None:
            return OFF
        case _:
            return str(value)


def cautions(changes: Mapping[str, SettingValue]) -> tuple[str, ...]:
    """Warnings about these changes, one sentence each: conditions that this process cannot check itself."""
    return (_HOST_NEEDED,) if changes.get("require_client_key_proof") is True else ()


def _trimmed(value: object) -> object:
    """The value without white space around its texts, as everywhere in the API (SPEC §2.1)."""
    if isinstance(value, list):
        return [item.strip(WHITE_SPACE) if isinstance(item, str) else item for item in cast("list[object]", value)]
    return value.strip(WHITE_SPACE) if isinstance(value, str) else value


def _whole_number(meaning: str, least: int, most: int, note: str = "") -> Setting:
    values = f"a whole number from {least}{note} to {most}"

    def read(value: object) -> SettingValue:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ValueError(values)
        return value

    def from_text(text: str) -> object:
        return int(text) if _WHOLE_NUMBER.fullmatch(text) else text

    return Setting(meaning, values, read, from_text)


def _one_of(meaning: str, *words: str) -> Setting:
    values = " or ".join(words)

    def read(value: object) -> SettingValue:
        if not isinstance(value, str) or value not in words:
            raise ValueError(values)
        return value

    return Setting(meaning, values, read, str)


def _boolean(meaning: str) -> Setting:
    values = "true or false"

    def read(value: object) -> SettingValue:
        if not isinstance(value, bool):
            raise ValueError(values)  # noqa: TRY004 - a wrong type is one of the ways to be no value
        return value

    return Setting(meaning, values, read, lambda text: {"true": True, "false": False}.get(text, text))


def _duration(meaning: str, shortest: str, longest: str) -> Setting:
    least, most = _read_duration(shortest), _read_duration(longest)
    values = f"a duration such as 90d or 12h, from {shortest} to {longest}"

    def read(value: object) -> SettingValue:
        duration = _read_duration(value) if isinstance(value, str) else None
        if duration is None or least is None or most is None or not least <= duration <= most:
            raise ValueError(values)
        return duration

    return Setting(meaning, values, read, str)


def _duration_or_off(meaning: str, shortest: str, longest: str) -> Setting:
    duration = _duration(meaning, shortest, longest)
    values = f"{OFF}, or {duration.values}"

    def read(value: object) -> SettingValue:
        try:
            return None if value == OFF else duration.read(value)
        except ValueError:
            raise ValueError(values) from None

    return Setting(meaning, values, read, str)


def _email_domains(meaning: str) -> Setting:
    """A list of exact domains: a domain does not cover its subdomains. Unicode becomes A-labels, as in an address."""
    values = f"a list of at most {MAX_EMAIL_DOMAINS} e-mail domains"

    def read(value: object) -> SettingValue:
        listed = cast("list[object]", value) if isinstance(value, list) else None
        if listed is None or len(listed) > MAX_EMAIL_DOMAINS:
            raise ValueError(values)
        return tuple(sorted({_read_email_domain(item, number) for number, item in enumerate(listed, 1)}))

    def from_text(text: str) -> object:
        return [] if text in ("", EMPTY) else text.split(",")

    return Setting(meaning, values, read, from_text)


def _read_email_domain(item: object, number: int) -> str:
    try:
        if isinstance(item, str):
            return parse_email_domain(item)
    except ValueError:
        pass
    raise ValueError(f"a list of e-mail domains such as example.com, without wildcards: number {number} is none")


def _read_duration(text: str) -> timedelta | None:
    written = _DURATION.fullmatch(text)
    return None if written is None else timedelta(**{_UNITS[written[2]]: int(written[1])})


def _as_duration(duration: timedelta) -> str:
    """The duration in the largest unit that leaves a whole number."""
    seconds = round(duration.total_seconds())
    size, unit = next(
        (size, unit) for size, unit in ((86400, "d"), (3600, "h"), (60, "m"), (1, "s")) if seconds % size == 0
    )
    return f"{seconds // size}{unit}"


# In the order in which the API, the command line and the pages list them.
SETTINGS: Mapping[str, Setting] = MappingProxyType({
    "session_limit": _whole_number("Maximum number of active sessions of one user.", 0, 10_000, " (no limit)"),
    "session_limit_policy": _one_of(
        "What a login at the session limit does: `reject` refuses it, `revoke_oldest` revokes the oldest session.",
        "reject", "revoke_oldest",
    ),
    "session_max_age": _duration("Maximum age of a session. An older one is revoked within a minute.", "1m", "3650d"),
    "session_idle_age": _duration_or_off(
        "How long a session may stay unused before it is revoked. Gateways that are nodes must report last uses.",
        "7d", "365d",
    ),
    "new_device_notice": _one_of(
        "When a letter tells a person of a new session: `off`, `unknown_network` or `every_login`. "
        "The first session of a user causes none.",
        "off", "unknown_network", "every_login",
    ),
    "sign_up": _one_of(
        "Who may become a new user: anybody (`open`), invited addresses (`invited`) or nobody (`closed`). "
        "Users that exist always log in.",
        "open", "invited", "closed",
    ),
    "require_client_key_proof": _boolean(
        "Whether each confirm must prove that the client holds the private key. "
        "Every public process then needs `AUTHSESSION_PUBLIC_HOST`."
    ),
    "challenge_retention": _duration(
        "How long challenges, their login codes and their mail deliveries are kept.", "25h", "3650d"
    ),
    "known_network_retention": _duration(
        "How long the product remembers a network after the last login of an address from it.", "90d", "3650d"
    ),
    "revoked_session_retention": _duration(
        "How long revoked sessions are kept, and ended operator sessions and API tokens.", "30d", "3650d"
    ),
    "expired_block_retention": _duration("How long a block is kept after its end.", "1h", "3650d"),
    "blocked_email_domains": _email_domains(
        "Domains whose addresses cannot log in. A newly blocked domain loses its sessions. Subdomains do not count."
    ),
    "allowed_email_domains": _email_domains(
        "Domains whose addresses can log in; an empty list allows all. Existing sessions stay. Subdomains do not count."
    ),
    "operator_password_min_length": _whole_number(
        "Minimum number of characters of an operator's new password.", 12, 128
    ),
    "audit_retention": _duration("How long rows of the audit trail are kept.", "30d", "3650d"),
    "published_version_retention": _duration(
        "How long a version of published configuration is kept after its publication and after it was last active.",
        "30d", "3650d",
    ),
    "node_join_approval": _one_of(
        "Whether an operator must approve each node that joins: `off` lets it in at once, `on` makes it wait.",
        "off", "on",
    ),
    "node_key_shared_policy": _one_of(
        "What happens when two processes use the key of one node: `report` flags the node, `revoke` revokes it.",
        "report", "revoke",
    ),
    "secret_versions_kept": _whole_number(
        "How many versions of a secret are kept. A write destroys older ones, but never the current version.", 2, 100
    ),
    "max_prompt_tokens": _whole_number(
        "Largest prompt of an agent that may be published, in tokens. A token counts as four bytes.", 1_000, 1_000_000
    ),
})  # fmt: skip
