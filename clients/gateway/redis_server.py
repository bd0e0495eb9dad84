"""Where the gateway's Redis is, and as whom to go there."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class RedisServer:
    """One server, 6.2 or later. `unix_path` wins over host and port. Durations are seconds.

    The user needs what `authsession redis-acl` gives to `gateway`: reading, and SET on its replay keys.
    """

    host: str = "127.0.0.1"
    port: int = 6379
    unix_path: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    db: int = 0
    tls: bool = False
    """With the certificate verified by the system's authorities (or `SSL_CERT_FILE`)."""
    timeout: float = 1.0
    """How long an answer, or connecting, may take; then the connection counts as lost."""

    @classmethod
    def at(cls, address: str, *, username: str | None = None, password: str | None = None) -> "RedisServer":
        """`host:port` or `unix:/path`, as in AUTHSESSION_REDIS_ADDR. Raises `ValueError`."""
        if address.startswith("unix:/"):
            return cls(unix_path=address.removeprefix("unix:"), username=username, password=password)
        host, separator, port = address.rpartition(":")
        if not separator or not port.isdecimal() or not host:
            raise ValueError("the address of Redis must be host:port or unix:/path")
        return cls(host.removeprefix("[").removesuffix("]"), int(port), username=username, password=password)
