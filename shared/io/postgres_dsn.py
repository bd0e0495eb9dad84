"""From a libpq URL to asyncpg's arguments: encryption said explicitly, timeouts on the server and on the client."""

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from shared.kernel.faults import ConfigurationError

ConnectArguments = dict[str, Any]

_SCHEMA = "authsession"
_PORT = "5432"
_TLS_MODES = ("disable", "require", "verify-ca", "verify-full")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def connect_arguments(
    dsn: str,
    application_name: str,
    acquire_timeout: timedelta,
    unit_timeout: timedelta,
    settings: Mapping[str, str] = MappingProxyType({}),
) -> list[ConnectArguments]:
    """Arguments of `asyncpg.connect`, for each host in its order and with its share of `acquire_timeout`.

    Raises `ConfigurationError`, which never quotes the DSN. Postgres gives up before the client does (lock < statement
    < unit), so that a slow statement costs an error and not a connection.
    """
    url = _split(dsn)
    hosts = _hosts(url)
    unit = unit_timeout.total_seconds()
    shared: ConnectArguments = {
        "dsn": dsn,
        "ssl": _tls_mode(url, [host for host, _ in hosts]),
        "timeout": acquire_timeout.total_seconds() / len(hosts),
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
            **settings,
        },
    }
    if len(hosts) == 1:
        return [shared]
    if "target_session_attrs" not in parse_qs(url.query):
        shared["target_session_attrs"] = "read-write"
    return [shared | {"host": host, "port": port} for host, port in hosts]


def is_encrypted_or_local(dsn: str) -> bool:
    """Whether nobody between here and Postgres reads along: TLS, or every host is this machine."""
    url = _split(dsn)
    hosts = [host for host, _ in _hosts(url)]
    return _tls_mode(url, hosts) != "disable" or all(_is_local(host) for host in hosts)


def hosts_of(dsn: str) -> list[tuple[str, int]]:
    """The hosts that a DSN names, each with its port. Raises `ConfigurationError`, which never quotes the DSN."""
    return _hosts(_split(dsn))


def _tls_mode(url: SplitResult, hosts: list[str]) -> str:
    """libpq's sslmode, never its `allow` or `prefer`: those let whoever is on the path choose plain text (§7.2)."""
    default = "disable" if all(_is_local(host) for host in hosts) else "require"
    mode = parse_qs(url.query).get("sslmode", [default])[-1]
    if mode not in _TLS_MODES:
        raise ConfigurationError([f"the Postgres DSN's sslmode must be one of {', '.join(_TLS_MODES)}"])
    return mode


def _split(dsn: str) -> SplitResult:
    try:
        url = urlsplit(dsn)
    except ValueError:  # whose text may quote the password
        raise ConfigurationError(["the Postgres DSN must be a URL: percent-encode its user and password"]) from None
    if url.scheme not in ("postgresql", "postgres"):
        raise ConfigurationError(["the Postgres DSN must be a URL, postgresql://user:password@host:port/database"])
    return url


def _hosts(url: SplitResult) -> list[tuple[str, int]]:
    query = parse_qs(url.query)
    if "host" in query:
        names, ports = query["host"][-1].split(","), query.get("port", [_PORT])[-1].split(",")
        ports *= len(names) if len(ports) == 1 else 1
    else:
        pairs = [_host_and_port(text) for text in unquote(url.netloc.rpartition("@")[2]).split(",")]
        names, ports = [host for host, _ in pairs], [port for _, port in pairs]
    if not all(names) or len(names) != len(ports) or not all(port.isascii() and port.isdigit() for port in ports):
        raise ConfigurationError(["the Postgres DSN must name its hosts, each as host or host:port"])
    return list(zip(names, map(int, ports), strict=True))


def _host_and_port(text: str) -> tuple[str, str]:
    host, _, port = text[1:].partition("]") if text.startswith("[") else text.partition(":")
    return host, port.removeprefix(":") or _PORT


def _is_local(host: str) -> bool:
    return host.startswith("/") or host in _LOOPBACK


def _milliseconds(seconds: float) -> str:
    return str(round(seconds * 1000))
