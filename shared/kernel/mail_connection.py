"""The default mail connection on its way from the internal process to the courier (SPEC §18.5). Pure.

All of it is sealed, the settings too: nobody who may write the row sends the password to a server of their own. The
associated data binds the value to the connection and its revision.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from shared.kernel.entropy import Entropy
from shared.kernel.keyring import KeyRing
from shared.kernel.sealing import Unsealable, seal, unseal

_PURPOSE = b"authsession-mail-connection-v1"


@dataclass(frozen=True, slots=True)
class Place:
    """The connection, and its accepted revision."""

    connection_id: str
    revision: int


@dataclass(frozen=True, slots=True)
class MailConnection:
    """A connection of the kind `smtp` or `mail_rest`. `secrets` are by field, and may be empty."""

    kind: str
    settings: Mapping[str, str | int]
    secrets: Mapping[str, str] = field(repr=False)


def seal_mail_connection(ring: KeyRing, place: Place, mail: MailConnection, entropy: Entropy) -> tuple[str, bytes]:
    """The id of the key, and the sealed bytes."""
    content = {"kind": mail.kind, "settings": dict(mail.settings), "secrets": dict(mail.secrets)}
    return seal(ring, json.dumps(content).encode(), _associated(place), entropy)


def unseal_mail_connection(ring: KeyRing, place: Place, key_id: str, sealed: bytes) -> MailConnection:
    """The connection. Raises `Unsealable`, also for a content of another release."""
    content = unseal(ring, key_id, sealed, _associated(place))
    try:
        return MailConnection(**cast("dict[str, object]", json.loads(content)))  # pyright: ignore[reportArgumentType]
    except (ValueError, TypeError):
        raise Unsealable("the content has another form") from None


def _associated(place: Place) -> bytes:
    return b"\0".join((_PURPOSE, place.connection_id.encode(), str(place.revision).encode()))
