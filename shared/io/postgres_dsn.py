"""Turns a libpq URL into a target for each host, with explicit encryption and timeouts on server and client."""

import getpass
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import SplitResult, unquote

from shared.io.postgres_parameters import parameters_of, session_settings, split_url
from shared.io.postgres_tls import Tls, tls_mode, tls_of
from shared.kernel.faults import ConfigurationError

_SCHEMA = "authsession"
_PORT = "5432"
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_MIN_CONNECT_TIMEOUT = 2.0


@dataclass(frozen=True, slots=True)
class Target:
    """A server that a DSN names. `arguments` are those of asyncpg; `settings` are set in each session once it is open.

    Settings are not sent as startup parameters, because pgbouncer refuses a connection with one that it does not know.
    """

    arguments: Mapping[str, Any] = field(repr=False)
    tls: Tls | None
    settings: Mapping[str, str]

    def connect_arguments(self) -> dict[str, Any]:
        """All arguments for asyncpg, so that it reads nothing from the home directory. May raise `OSError`."""
        if self.tls is None:
            return {**self.arguments, "ssl": False}
        return {**self.arguments, "ssl": self.tls.context(), "direct_tls": self.tls.is_direct}


def connect_targets(
    dsn: str,
    application_name: str,
    acquire_timeout: timedelta,
    unit_timeout: timedelta,
    settings: Mapping[str, str] = MappingProxyType({}),
) -> list[Target]:
    """A target for each host, in order. Each gets an equal share of `acquire_timeout`.

    Postgres gives up before the client does (lock < statement < unit), so that a slow statement costs an error and not
    a connection. Raises `ConfigurationError`, which never quotes the DSN.
    """
    url = split_url(dsn)
    parameters = parameters_of(url)
    hosts = _hosts(url, parameters)
    own, routing = session_settings(parameters.get("options", ""))
    startup = {"application_name": parameters.get("application_name", application_name)}
    arguments: dict[str, Any] = {
        **_credentials(url, parameters),
        "database": unquote(url.path.removeprefix("/")) or parameters.get("dbname") or parameters.get("database"),
        "timeout": _timeout(parameters, acquire_timeout.total_seconds() / len(hosts)),
        "server_settings": startup | ({"options": routing} if routing else {}),
        "target_session_attrs": parameters.get("target_session_attrs", "any" if len(hosts) == 1 else "read-write"),
    }
    tls = tls_of(parameters, is_local=_are_local(hosts))
    in_session = {**own, **session_settings_of(unit_timeout), **settings}
    return [Target({**arguments, "host": host, "port": port}, tls, in_session) for host, port in hosts]


def session_settings_of(unit_timeout: timedelta) -> dict[str, str]:
    """The settings of each of our sessions."""
    return {
        "search_path": _SCHEMA,
        **timeouts(unit_timeout),
        # Postgres notices a vanished client sooner, which holds its locks until then (no effect on Unix sockets).
        "tcp_keepalives_idle": "5",
        "tcp_keepalives_interval": "2",
        "tcp_keepalives_count": "3",
        "jit": "off",  # compiling costs more than any statement of ours
    }


def timeouts(unit_timeout: timedelta) -> dict[str, str]:
    """Postgres' own deadlines in a unit of work: for the wait for a lock, for a statement, and for an idle client."""
    unit = unit_timeout.total_seconds()
    return {
        "lock_timeout": _milliseconds(unit * 0.6),
        "statement_timeout": _milliseconds(unit * 0.8),
        "idle_in_transaction_session_timeout": _milliseconds(unit),
    }


def is_encrypted_or_local(dsn: str) -> bool:
    """Whether nobody between here and Postgres can read along: TLS is on, or every host is this machine."""
    url = split_url(dsn)
    parameters = parameters_of(url)
    is_local = _are_local(_hosts(url, parameters))
    return is_local or tls_mode(parameters, is_local=is_local) != "disable"


def hosts_of(dsn: str) -> list[tuple[str, int]]:
    """The hosts that a DSN names, each with its port. Raises `ConfigurationError`, which never quotes the DSN."""
    url = split_url(dsn)
    return _hosts(url, parameters_of(url))


def _credentials(url: SplitResult, parameters: Mapping[str, str]) -> dict[str, str]:
    """User, and password or passfile. As in libpq, the environment supplies those that the URL does not name."""
    user = unquote(url.username or "") or parameters.get("user") or os.environ.get("PGUSER") or _system_user()
    password = unquote(url.password or "") or parameters.get("password") or os.environ.get("PGPASSWORD")
    if password:
        return {"user": user, "password": password}
    file = parameters.get("passfile") or os.environ.get("PGPASSFILE")
    if file and not os.access(file, os.R_OK):
        raise ConfigurationError(["the Postgres DSN's passfile cannot be read: correct its path or its rights"])
    usual = Path(os.environ.get("HOME") or "/") / ".pgpass"
    if not file and os.access(usual, os.R_OK):
        file = str(usual)
    return {"user": user, "passfile": file} if file else {"user": user, "password": ""}


def _system_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        raise ConfigurationError(["the Postgres DSN must name its user"]) from None


def _timeout(parameters: Mapping[str, str], share: float) -> float:
    """The timeout of one host in seconds: connect_timeout, but at most its share of the process' own timeout."""
    asked = int(parameters.get("connect_timeout", "0"))
    return min(max(asked, _MIN_CONNECT_TIMEOUT), share) if asked > 0 else share


def _hosts(url: SplitResult, parameters: Mapping[str, str]) -> list[tuple[str, int]]:
    if "host" in parameters:
        names, ports = parameters["host"].split(","), parameters.get("port", _PORT).split(",")
        ports *= len(names) if len(ports) == 1 else 1
    else:
        default = parameters.get("port", _PORT)
        pairs = [_host_and_port(text, default) for text in unquote(url.netloc.rpartition("@")[2]).split(",")]
        names, ports = [host for host, _ in pairs], [port for _, port in pairs]
    if not all(names) or len(names) != len(ports) or not all(_is_port(port) for port in ports):
        raise ConfigurationError(["the Postgres DSN must name its hosts, each as host or host:port"])
    return list(zip(names, map(int, ports), strict=True))


def _host_and_port(text: str, default: str) -> tuple[str, str]:
    host, _, port = text[1:].partition("]") if text.startswith("[") else text.partition(":")
    return host, port.removeprefix(":") or default


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) < 65536


def _are_local(hosts: list[tuple[str, int]]) -> bool:
    return all(host.startswith("/") or host in _LOOPBACK for host, _ in hosts)


def _milliseconds(seconds: float) -> str:
    return str(round(seconds * 1000))
