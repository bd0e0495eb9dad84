"""The default mail connection of a database, as the internal process keeps it for the courier."""

from collections.abc import Mapping
from typing import Any

from shared.kernel.entropy import SystemEntropy
from shared.kernel.keyring import KeyRing
from shared.kernel.mail_connection import MailConnection, Place, seal_mail_connection
from tests.support.database import Database
from tests.support.public_flow import SEALING_KEYS
from tests.support.rest_mail_peer import RestMailPeer
from tests.support.smtp_peer import SmtpPeer

CONNECTION_ID = "connection-01J8ZK4T9DPC7Q2M5XW3RB6VEN"


def by_smtp(peer: SmtpPeer, tls: str = "off", **secrets: str) -> MailConnection:
    """A connection to the peer. `secrets` are user and password."""
    settings = {"address": f"127.0.0.1:{peer.port}", "tls": tls, "from": "login@example.com"}
    return MailConnection("smtp", settings, secrets)


def by_rest(peer: RestMailPeer, **secrets: str) -> MailConnection:
    """A connection to the peer. `secrets` may have a bearer."""
    return MailConnection("mail_rest", {"base_url": peer.base_url, "health_path": "/healthz"}, secrets)


def set_default(
    database: Database, mail: MailConnection | None, *, keys: KeyRing = SEALING_KEYS, revision: int = 1
) -> None:
    """Makes it the default. None: there is none."""
    values: Mapping[str, Any] = dict.fromkeys(("connection_id", "connection_revision", "key_id", "sealed"))
    if mail is not None:
        place = Place(CONNECTION_ID, revision)
        key_id, sealed = seal_mail_connection(keys, place, mail, SystemEntropy())
        values = dict(zip(values, (CONNECTION_ID, revision, key_id, sealed), strict=True))
    database.execute(
        """
        update mail_connection set change_id = gen_random_uuid(), connection_id = $1, connection_revision = $2,
               key_id = $3, sealed = $4
        """,
        *values.values(),
    )
