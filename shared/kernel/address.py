"""The address of a listener or a server: `host:port`, `:port` or `unix:/path` (SPEC §12)."""

from dataclasses import dataclass
from ipaddress import ip_address

EVERY_INTERFACE = ""


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """`host` is a name, an IP address or `EVERY_INTERFACE`; port 0 lets the system choose one."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """A Unix socket in the file system."""

    path: str

    def __str__(self) -> str:
        return f"unix:{self.path}"


Address = TcpAddress | UnixAddress


def parse_address(text: str, *, default_host: str) -> Address:
    """Parse an address. `default_host` is the host of a bare `:port`. Raises `ValueError` that names the right form."""
    if text.startswith("unix:"):
        if not text.startswith("unix:/"):
            raise ValueError("unix: followed by an absolute path")
        return UnixAddress(text.removeprefix("unix:"))
    host, separator, port = text.rpartition(":")
    if not separator or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise ValueError("host:port, :port or unix:/path")
    return TcpAddress(_bare_host(host) or default_host, int(port))


def is_on_this_machine(address: Address) -> bool:
    """Whether only this machine reaches it: `localhost`, a loopback address or a Unix socket. It resolves no name."""
    if isinstance(address, UnixAddress) or address.host == "localhost":
        return True
    try:
        return ip_address(address.host).is_loopback
    except ValueError:
        return False


def _bare_host(host: str) -> str:
    """The host without the brackets of an IPv6 address, which are required (RFC 3986 §3.2.2)."""
    if host.startswith("[") and host.endswith("]"):
        return host[1:-1]
    if ":" in host or "/" in host or any(character.isspace() for character in host):
        raise ValueError("host:port (an IPv6 host in brackets), :port or unix:/path")
    return host
