"""Requests and answers of the system settings (SPEC §5.2, §10.2).

Decoders check the form only. A setting's value is any JSON here; the settings' own definition checks it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from contracts.attribution import encode_actor
from contracts.encoding import encode
from contracts.instant import encode_instant
from contracts.strict_json import Fields, check_names, decode_object, invalid, known_fields, read_object

ChangeSettingsOutcome: TypeAlias = Literal["changed", "unchanged"]

_CHANGE_NAMES = frozenset({"settings", "expected_version"})


@dataclass(frozen=True, slots=True)
class ChangeSettingsRequest:
    """One or more new values by name. With `expected_version` they apply only if that version is still current."""

    settings: Fields
    expected_version: int | None


@dataclass(frozen=True, slots=True)
class LastChangeAnswer:
    """The time and the actor of the last change."""

    changed_at: datetime
    actor_type: str
    actor_id: str | None


@dataclass(frozen=True, slots=True)
class SessionsToRevoke:
    """A blocked domain with sessions still to revoke. With `more_may_follow` the number is a lower bound."""

    domain: str
    sessions_to_revoke: int
    more_may_follow: bool


@dataclass(frozen=True, slots=True)
class SettingsAnswer:
    """All settings: durations as text such as `90d`, lists as arrays. `last_change` is None before the first one."""

    version: int
    settings: Mapping[str, object]
    last_change: LastChangeAnswer | None
    domain_revocations: Sequence[SessionsToRevoke]


def decode_change_settings(body: bytes, names: frozenset[str]) -> ChangeSettingsRequest:
    """The body of `PATCH system-settings`. `names` are the names of all settings.

    Raises `Refusal(INVALID_REQUEST)` and nothing else.
    """
    fields = known_fields(decode_object(body), _CHANGE_NAMES)
    settings = read_object(fields, "settings")
    # `known_fields` would drop a `null` in silence; here it is a value, which the settings refuse.
    check_names(settings, names, within="settings.")
    if not settings:
        raise invalid("settings must name at least one setting")
    return ChangeSettingsRequest(settings, _read_expected_version(fields))


def encode_settings(answer: SettingsAnswer) -> bytes:
    """The answer of `GET system-settings`."""
    return encode(_shown(answer))


def encode_change_settings(
    outcome: ChangeSettingsOutcome, changed: Sequence[str], cautions: Sequence[str], answer: SettingsAnswer
) -> bytes:
    """The answer of `PATCH system-settings`: the changed names, cautions, and all settings afterwards."""
    return encode({"outcome": outcome, "changed": list(changed), "cautions": list(cautions), **_shown(answer)})


def _read_expected_version(fields: Fields) -> int | None:
    if "expected_version" not in fields:
        return None
    version = fields["expected_version"]
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise invalid("expected_version must be a whole number from 1")
    return version


def _shown(answer: SettingsAnswer) -> dict[str, object]:
    shown: dict[str, object] = {
        "version": answer.version,
        "settings": dict(answer.settings),
        "domain_revocations": [_domain(each) for each in answer.domain_revocations],
    }
    if answer.last_change is not None:
        shown["last_change"] = _last_change(answer.last_change)
    return shown


def _last_change(change: LastChangeAnswer) -> dict[str, object]:
    actor = encode_actor(change.actor_type, change.actor_id)
    return {"changed_at": encode_instant(change.changed_at), "actor": actor}


def _domain(pending: SessionsToRevoke) -> dict[str, object]:
    return {
        "domain": pending.domain,
        "sessions_to_revoke": pending.sessions_to_revoke,
        "more_may_follow": pending.more_may_follow,
    }
