"""From a libpq URL to asyncpg's arguments: encryption said explicitly, timeouts on the server and on the client."""

from datetime import timedelta
from typing import Any
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from shared.kernel.faults import ConfigurationError

_SCHEMA = "authsession"
_TLS_MODES = ("disable", "require", "verify-ca", "verify-full")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def connect_arguments(
    dsn: str, application_name: str, acquire_timeout: timedelta, unit_timeout: timedelta
) -> dict[str, Any]:
    """Arguments of `asyncpg.connect`. Raises `ConfigurationError`, which never quotes the DSN.

    Postgres gives up before the client does (lock < statement < command timeout), so that a slow statement costs an
    error and not a connection. Hosts are tried in order, each with its share of `acquire_timeout`.
    """
    url = _split(dsn)
    hosts = _hosts(url)
    unit = unit_timeout.total_seconds()
    return {
        "dsn": dsn,
        "ssl": tls_mode(url, hosts),
        "timeout": acquire_timeout.total_seconds() / len(hosts),
        "command_timeout": unit * 0.9,
        **({"target_session_attrs": "read-write"} if len(hosts) > 1 and "target_session_attrs" not in url.query else {}),
        "server_settings": {
            "application_name": application_name,
            "search_path": _SCHEMA,
            "lock_timeout": _milliseconds(unit * 0.6),
            "statement_timeout": _milliseconds(unit * 0.8),
            "idle_in_transaction_session_timeout": _milliseconds(unit),
            # A client that vanished holds its locks until Postgres notices (ignored on Unix sockets).
            "tcp_keepalives_idle": "5",
            "tcp_keepalives_interval": "2",
            "tcp_keepalives_count": "3",
            "jit": "off",  # compiling costs more than any statement of ours
        },
    }


def tls_mode(url: SplitResult, hosts: list[str]) -> str:
    """libpq's sslmode, never its `allow` or `prefer`: those let whoever is on the path choose plain text (§7.2)."""
    default = "disable" if all(_is_local(host) for host in hosts) else "require"
    mode = parse_qs(url.query).get("sslmode", [default])[-1]
    if mode not in _TLS_MODES:
        raise ConfigurationError([f"the Postgres DSN's sslmode must be one of {', '.join(_TLS_MODES)}"])
    return mode


def _split(dsn: str) -> SplitResult:
    url = urlsplit(dsn)
    if url.scheme not in ("postgresql", "postgres"):
        raise ConfigurationError(["the Postgres DSN must be a URL, postgresql://user:password@host:port/database"])
    return url


def _hosts(url: SplitResult) -> list[str]:
    named = parse_qs(url.query).get("host")
    if named is not None:
        hosts = named[-1].split(",")
    else:
        hosts = [_without_port(host) for host in unquote(url.netloc.rpartition("@")[2]).split(",")]
    if not all(hosts):
        raise ConfigurationError(["the Postgres DSN must name its host"])
    return hosts


def _without_port(host: str) -> str:
    return host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]


def _is_local(host: str) -> bool:
    return host.startswith("/") or host in _LOOPBACK


def _milliseconds(seconds: float) -> str:
    return str(round(seconds * 1000))
