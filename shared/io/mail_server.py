"""The mail server of a connection's settings (SPEC §18.1)."""

from collections.abc import Mapping
from types import MappingProxyType

from shared.io.smtp import SmtpServer, Tls

_TLS: Mapping[str, Tls] = MappingProxyType({"starttls": "starttls", "implicit": "implicit", "off": "off"})


def smtp_server(settings: Mapping[str, str | int], secrets: Mapping[str, str]) -> SmtpServer | None:
    """The server; None if its port is no number of a port."""
    host, _, port = str(settings["address"]).rpartition(":")
    if not 0 < int(port) < 1 << 16:
        return None
    tls = _TLS[str(settings["tls"])]
    return SmtpServer(
        host.removeprefix("[").removesuffix("]"), int(port), tls, secrets.get("user"), secrets.get("password")
    )
