"""The user service that we call in mode `rest`: paths, requests and answers (SPEC §8).

We are the client here, and read answers strictly: an answer that breaks the contract raises `MalformedAnswer`.
"""

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

from contracts.agent_id import is_agent_id
from contracts.encoding import encode
from contracts.errors import Refusal
from contracts.strict_json import Fields, decode_object, known_fields, read_text
from contracts.user_id import is_user_id

RESOLVE_BY_EMAIL: Final = "/api/v1/internal/user-resolutions/by-email"
ENSURE_BY_EMAIL: Final = "/api/v1/internal/users/ensure-by-email"
BLOCK_BY_EMAIL: Final = "/api/v1/internal/user-blocks/by-email"


class MalformedAnswer(ValueError):
    """An answer that breaks the contract or contradicts itself. The message shows no value."""


@dataclass(frozen=True, slots=True)
class ExistingUser:
    """The service has this user. With `is_new` this call created it."""

    user_id: str
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class CreatableUser:
    """No user has the address, and one may be created."""


@dataclass(frozen=True, slots=True)
class BlockedUser:
    """The user of this address, or the address itself, may not log in."""


@dataclass(frozen=True, slots=True)
class RegistrationContext:
    """The initial values of a new user: a BCP 47 language tag and an IANA time zone."""

    preferred_language: str
    time_zone: str


Resolution = ExistingUser | CreatableUser | BlockedUser
Ensured = ExistingUser | BlockedUser


@dataclass(frozen=True, slots=True)
class EnsureByEmail:
    """The request of `ensure-by-email`."""

    email: str = field(repr=False)
    registration_context: RegistrationContext


def is_id_of_a_person(text: str) -> bool:
    """Whether the text is a user id, and none of an agent: a person with such an id would pass for the agent."""
    return is_user_id(text) and not is_agent_id(text)


def user_exists_path(user_id: str) -> str:
    """The path of `GET users/{user_id}/exists`."""
    return f"/api/v1/internal/users/{quote(user_id, safe='')}/exists"


def block_user_path(user_id: str) -> str:
    """The path of `POST users/{user_id}/block`."""
    return f"/api/v1/internal/users/{quote(user_id, safe='')}/block"


def encode_resolve_by_email(email: str) -> bytes:
    """The body of `user-resolutions/by-email`."""
    return encode({"email": email})


def encode_ensure_by_email(asked: EnsureByEmail) -> bytes:
    """The body of `users/ensure-by-email`."""
    context = asked.registration_context
    registration = {"preferred_language": context.preferred_language, "time_zone": context.time_zone}
    return encode({"email": asked.email, "registration_context": registration})


def encode_block_user(reason_code: str) -> bytes:
    """The body of `users/{user_id}/block`."""
    return encode({"reason_code": reason_code})


def encode_block_by_email(email: str, reason_code: str) -> bytes:
    """The body of `user-blocks/by-email`."""
    return encode({"email": email, "reason_code": reason_code})


def decode_resolution(body: bytes) -> Resolution:
    """The answer of `user-resolutions/by-email`. Only kind `existing` has a `user_id`. Raises `MalformedAnswer`."""
    kind, user_id = _read(body, "kind")
    match kind, user_id:
        case "existing", str(user_id):
            return ExistingUser(user_id)
        case "creatable", None:
            return CreatableUser()
        case "blocked", None:
            return BlockedUser()
        case _:
            raise MalformedAnswer("kind is unknown, or user_id is missing or out of place")


def decode_ensured(body: bytes) -> Ensured:
    """The answer of `users/ensure-by-email`. Every outcome but `blocked` has a `user_id`. Raises `MalformedAnswer`."""
    outcome, user_id = _read(body, "outcome")
    match outcome, user_id:
        case "existing" | "created", str(user_id):
            return ExistingUser(user_id, is_new=outcome == "created")
        case "blocked", None:
            return BlockedUser()
        case _:
            raise MalformedAnswer("outcome is unknown, or user_id is missing or out of place")


def decode_exists(body: bytes) -> bool:
    """The answer of `users/{user_id}/exists`. Raises `MalformedAnswer`."""
    fields = _object(body, frozenset({"exists"}))
    exists = fields.get("exists")
    if not isinstance(exists, bool):
        raise MalformedAnswer("exists must be true or false")
    return exists


def _read(body: bytes, verdict: str) -> tuple[str, str | None]:
    """The verdict of the answer, and its user id if it has one."""
    fields = _object(body, frozenset({verdict, "user_id"}))
    try:
        word = read_text(fields, verdict)
        user_id = read_text(fields, "user_id") if "user_id" in fields else None
    except Refusal as refusal:
        raise MalformedAnswer(refusal.message) from None
    if user_id is not None and not is_id_of_a_person(user_id):
        raise MalformedAnswer("user_id is not of an id's form")
    return word, user_id


def _object(body: bytes, names: frozenset[str]) -> Fields:
    try:
        return known_fields(decode_object(body), names)
    except Refusal as refusal:
        raise MalformedAnswer(refusal.message) from None
