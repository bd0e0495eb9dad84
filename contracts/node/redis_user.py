"""A node's own user of Redis: `POST /api/v1/node/redis-user` (SPEC §16.9). The request has no body."""

from dataclasses import dataclass
from typing import Final

from contracts.encoding import encode
from contracts.node.sealed import Sealed, read_sealed, sealed_fields, sealed_frame
from contracts.strict_json import decode_object, known_fields, read_filled_text, read_object

REDIS_USER_MARKER: Final = b"authsession-redis-user-v1"
MAX_PASSWORD_BYTES: Final = 128

_ANSWER_NAMES = frozenset({"redis_user"})
_USER_NAMES = frozenset({"username", "sealed"})


@dataclass(frozen=True, slots=True)
class RedisUser:
    """The user's name, and its password sealed to the node."""

    username: str
    sealed: Sealed


def redis_user_frame(node_id: str, request_id: str, key_generation: int, username: str) -> bytes:
    """HPKE's `info` of the password. By the request's id the node knows that the answer is fresh and its own."""
    return sealed_frame(REDIS_USER_MARKER, node_id, request_id, str(key_generation), username)


def encode_redis_user(user: RedisUser) -> bytes:
    """The answer."""
    return encode({"redis_user": {"username": user.username, "sealed": sealed_fields(user.sealed)}})


def decode_redis_user(body: bytes) -> RedisUser:
    """The answer. Raises `Refusal(INVALID_REQUEST)` and nothing else."""
    user = read_object(known_fields(decode_object(body), _ANSWER_NAMES), "redis_user")
    fields = known_fields(user, _USER_NAMES, within="redis_user.")
    return RedisUser(
        read_filled_text(fields, "username"),
        read_sealed(fields.get("sealed"), "redis_user.sealed", MAX_PASSWORD_BYTES),
    )
