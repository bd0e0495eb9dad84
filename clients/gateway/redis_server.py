"""The address and the credentials of the gateway's Redis."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class RedisServer:
    """One Redis server, 6.2 or later. `unix_path` takes precedence over host and port.

    The user needs the rights that `authsession redis-acl` gives to `gateway`: reading, and SET on its replay keys.
    """

    host: str = "127.0.0.1"
    port: int = 6379
    unix_path: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    db: int = 0
    tls: bool = False
    """TLS verifies the certificate by the system's authorities, or by `SSL_CERT_FILE`."""
    timeout: float = 1.0
    """The longest wait for an answer or a connection, in seconds. Then the connection counts as lost."""

    @classmethod
    def at(cls, address: str, *, username: str | None = None, password: str | None = None) -> "RedisServer":
        """The server at `host:port` or `unix:/path`, as in AUTHSESSION_REDIS_ADDR. Raises `ValueError`."""
        if address.startswith("unix:/"):
            return cls(unix_path=address.removeprefix("unix:"), username=username, password=password)
        host, separator, port = address.rpartition(":")
        if not separator or not port.isdecimal() or not host:
            raise ValueError("the address of Redis must be host:port or unix:/path")
        return cls(host.removeprefix("[").removesuffix("]"), int(port), username=username, password=password)


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user of Redis with its password."""

    username: str
    password: str = field(repr=False)


Login: TypeAlias = Callable[[], Awaitable[Credentials | None]]
"""Asks for credentials, such as a node's own user of Redis; None keeps those that are there. It raises nothing."""
