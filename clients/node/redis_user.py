"""Asks for the node's own user of Redis, and opens its password."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from clients.node.identity import PrivateKeys
from clients.node.link import Ask, Denial, Link, Reply
from clients.node.trust import NotTrusted, is_signed
from contracts.errors import Refusal
from contracts.node.names import REDIS_USER_PATH
from contracts.node.redis_user import REDIS_USER_MARKER, decode_redis_user, redis_user_frame
from contracts.node.sealed import Sealed, signed_part
from contracts.node.signed import ConfigKey, Signed

_SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_OFF = ("node_redis_users_off", "not_found")
"""Refusals of a control plane that gives nodes no users, and of an older one."""


@dataclass(frozen=True, slots=True)
class RedisLogin:
    """A user of Redis with its password."""

    username: str
    password: str = field(repr=False)


async def ask_redis_user(link: Link, timeout: float) -> Reply | None:
    """The answer; None if the control plane gives nodes no users. Raises `Unavailable` and `Denial`."""
    try:
        return await link.ask(Ask("POST", REDIS_USER_PATH, timeout=timeout))
    except Denial as denial:
        if denial.code in _OFF:
            return None
        raise


def read_redis_user(
    reply: Reply, node_id: str, config_keys: Iterable[ConfigKey], private: Iterable[PrivateKeys]
) -> RedisLogin:
    """The login in an answer to this very request of this node. Raises `NotTrusted`."""
    try:
        user = decode_redis_user(reply.body)
    except Refusal:
        raise NotTrusted("malformed_answer") from None
    frame = redis_user_frame(node_id, reply.request_id, user.sealed.key_generation, user.username)
    return RedisLogin(user.username, open_sealed(user.sealed, REDIS_USER_MARKER, frame, config_keys, private).decode())


def open_sealed(
    sealed: Sealed, marker: bytes, frame: bytes, config_keys: Iterable[ConfigKey], private: Iterable[PrivateKeys]
) -> bytes:
    """The sealed value, if a trusted key signed it for this place. Raises `NotTrusted`.

    `private` are both pairs of keys in a key change: the answer may come after the change is confirmed.
    """
    if not is_signed(Signed(signed_part(frame, sealed.value), sealed.signatures), marker, config_keys):
        raise NotTrusted("untrusted_secret")
    for keys in private:
        try:
            return _SUITE.decrypt(sealed.value, keys.encryption, frame)
        except InvalidTag:
            continue
    raise NotTrusted("untrusted_secret")
