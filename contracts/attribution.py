"""The fields `reason_code` and `actor`, which every trusted mutation carries (SPEC §4.1)."""

import re
from typing import Final, NamedTuple

from contracts.strict_json import Fields, invalid, known_fields, read_object, read_optional_text, read_text

ATTRIBUTION_NAMES: Final = frozenset({"reason_code", "actor"})

_REASON_CODE = re.compile(r"[a-z0-9_]{1,64}")
_ACTOR_TYPE = re.compile(r"[a-z0-9_]{1,32}")
_ACTOR_ID_LENGTH = 128


class Attribution(NamedTuple):
    """The reason and the actor of a mutation. The caller claims the actor; nothing verifies it."""

    reason_code: str
    actor_type: str
    actor_id: str | None


def read_attribution(fields: Fields) -> Attribution:
    """Reads the reason and the actor, and checks their form. Raises `Refusal(INVALID_REQUEST)`."""
    reason_code = read_text(fields, "reason_code")
    if not _REASON_CODE.fullmatch(reason_code):
        raise invalid("reason_code must be 1 to 64 of a-z, 0-9 and _")
    return Attribution(reason_code, *_read_actor(read_object(fields, "actor")))


def encode_actor(actor_type: str, actor_id: str | None) -> dict[str, str]:
    """The actor as a JSON object, for an answer."""
    return {"type": actor_type} if actor_id is None else {"type": actor_type, "id": actor_id}


def _read_actor(given: Fields) -> tuple[str, str | None]:
    actor = known_fields(given, frozenset({"type", "id"}), within="actor.")
    actor_type = read_text(actor, "type", within="actor.")
    if not _ACTOR_TYPE.fullmatch(actor_type):
        raise invalid("actor.type must be 1 to 32 of a-z, 0-9 and _")
    actor_id = read_optional_text(actor, "id", within="actor.")
    if actor_id is not None and not 1 <= len(actor_id) <= _ACTOR_ID_LENGTH:
        raise invalid(f"actor.id must have 1 to {_ACTOR_ID_LENGTH} characters")
    return actor_type, actor_id
