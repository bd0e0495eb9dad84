"""Rules for a URL that came in over the API: the forms and the addresses that may be called (SPEC §18.4).

Python's `urlsplit` takes `127.1` and `0x7f000001` for names, and `is_global` of `ipaddress` is true for addresses that
lead into a private network. So the parser and the table of networks are our own (docs/decisions/0061-egress.md).

A refusal is a word. `protocol_error`: the text is no URL of the form that we call. `blocked_address`: the host is an
address, or has one, that may not be called.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Literal

import idna

from shared.kernel.network import IpAddress, IpNetwork, embedded_ipv4

FormRefusal = Literal["blocked_address", "protocol_error"]
EgressResult = Literal["unreachable", "dns_failed", "tls_failed", "blocked_address", "protocol_error", "timeout"]
"""The reason why a far end gave no answer, in the words of a verification."""

MAX_URL_LENGTH = 2048
_MAX_NAME_LENGTH = 253
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_RESOURCE = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*")
_END_OF_AUTHORITY = re.compile(r"[/?#\\]")
_DEFAULT_PORTS = {"https": 443, "http": 80}
_SMTP_PORTS = (25, 465, 587, 2525)
_LEAST_FREE_PORT = 1024

_NOT_GLOBAL: tuple[IpNetwork, ...] = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8",  # this network, RFC 791
            "10.0.0.0/8",  # private, RFC 1918
            "100.64.0.0/10",  # shared by subscribers of a provider, RFC 6598; 100.100.100.200 is a cloud's metadata
            "127.0.0.0/8",  # loopback
            "168.63.129.16/32",  # a cloud's host, as its virtual machines see it
            "169.254.0.0/16",  # link-local, RFC 3927; 169.254.169.254 is a cloud's metadata
            "172.16.0.0/12",  # private, RFC 1918
            "192.0.0.0/24",  # IETF protocol assignments, RFC 6890
            "192.0.2.0/24",  # documentation, RFC 5737
            "192.31.196.0/24",  # AS112, RFC 7535
            "192.52.193.0/24",  # AMT, RFC 7450
            "192.88.99.0/24",  # former relays of 6to4, RFC 7526
            "192.168.0.0/16",  # private, RFC 1918
            "192.175.48.0/24",  # AS112, RFC 7534
            "198.18.0.0/15",  # benchmarks, RFC 2544
            "198.51.100.0/24",  # documentation, RFC 5737
            "203.0.113.0/24",  # documentation, RFC 5737
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, and broadcast
            "2001::/23",  # IETF protocol assignments, RFC 2928; Teredo, benchmarks and ORCHID among them
            "2001:db8::/32",  # documentation, RFC 3849
            "2002::/16",  # 6to4: leads to the IPv4 address inside, RFC 3056
            "2620:4f:8000::/48",  # AS112, RFC 7534
            "3ffe::/16",  # the former 6bone, RFC 3701
            "3fff::/20",  # documentation, RFC 9637
        ),
    )
)
"""IPv4, and the part of 2000::/3, that is not the public Internet. From IANA's registries of special addresses."""
_GLOBAL_IPV6 = IPv6Network("2000::/3")
"""All that IANA has given out as global unicast. Every form with an embedded IPv4 address but 6to4 is outside."""

_LOOPBACK: tuple[IpNetwork, ...] = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
_NEVER: tuple[IpNetwork, ...] = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8",
            "100.100.100.200/32",
            "168.63.129.16/32",
            "169.254.0.0/16",
            "192.0.0.192/32",
            "224.0.0.0/4",
            "240.0.0.0/4",
            "::/128",
            "fd00:ec2::254/128",
            "fd20:ce::254/128",
            "fe80::/10",
            "ff00::/8",
        ),
    )
)
"""Networks that no list opens: clouds' metadata services, which hand out credentials, and what is no single machine."""


@dataclass(frozen=True, slots=True)
class EgressRules:
    """`allowed` is the operator's list of internal networks. Loopback counts in it only with `is_development`."""

    allowed: tuple[IpNetwork, ...] = ()
    is_development: bool = False

    def passes(self, target: "Target", address: IpAddress) -> bool:
        """Whether a connection to this address of the target may be opened."""
        if self.allows(address):
            return True
        may_be_plain = not target.is_plain or self.is_development
        return may_be_plain and target.address is None and is_global(address)

    def allows(self, address: IpAddress) -> bool:
        """Whether the operator's list opens the address. An IPv4 address inside an IPv6 address must pass as well."""
        if not _is_in(address, self.allowed) or _is_in(address, _NEVER):
            return False
        if _is_in(address, _LOOPBACK):
            return self.is_development
        inner = embedded_ipv4(address) if isinstance(address, IPv6Address) else None
        return inner is None or is_global(inner) or self.allows(inner)


@dataclass(frozen=True, slots=True)
class Target:
    """The far end. `host` is a name in lower-case A-labels, or the text of `address`.

    `is_plain`: the connection is not encrypted, so outside of development only the allow list opens it.
    """

    host: str
    port: int
    address: IpAddress | None
    is_plain: bool


@dataclass(frozen=True, slots=True)
class HttpTarget(Target):
    """`resource` is the path and the query, as they are sent."""

    resource: str

    @property
    def authority(self) -> str:
        """The value of the field `Host`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS["http" if self.is_plain else "https"] else f"{host}:{self.port}"


def is_global(address: IpAddress) -> bool:
    """Whether the address is one of the public Internet."""
    return (isinstance(address, IPv4Address) or address in _GLOBAL_IPV6) and not _is_in(address, _NOT_GLOBAL)


def never_opens(network: IpNetwork) -> bool:
    """Whether a list that names this network names nothing but addresses that no list opens."""
    return any(network.version == each.version and network.subnet_of(each) for each in _NEVER)  # pyright: ignore[reportArgumentType]


def is_loopback_network(network: IpNetwork) -> bool:
    """Whether the network is a part of loopback."""
    return any(network.version == each.version and network.subnet_of(each) for each in _LOOPBACK)  # pyright: ignore[reportArgumentType]


def parse_http_url(text: str, rules: EgressRules) -> HttpTarget | FormRefusal:
    """Parse a URL of HTTP. The addresses of a name are judged at each connection, by `EgressRules.passes`."""
    try:
        return _http_target(text, rules)
    except _RefusedError as refused:
        return refused.word


def parse_smtp_address(text: str, *, is_plain: bool, rules: EgressRules) -> Target | FormRefusal:
    """Parse `host:port` of a mail server. In development every port from 1024 is taken, as for HTTP."""
    try:
        return _smtp_target(text, rules, is_plain=is_plain)
    except _RefusedError as refused:
        return refused.word


class _RefusedError(Exception):
    def __init__(self, word: FormRefusal) -> None:
        super().__init__(word)
        self.word: FormRefusal = word


def _http_target(text: str, rules: EgressRules) -> HttpTarget:
    scheme, separator, rest = text.partition("://")
    scheme = scheme.lower() if scheme.isascii() else ""
    if not separator or scheme not in _DEFAULT_PORTS or len(text) > MAX_URL_LENGTH:
        raise _RefusedError("protocol_error")
    end = _END_OF_AUTHORITY.search(rest)
    authority, resource = (rest, "/") if end is None else (rest[: end.start()], rest[end.start() :])
    if not _RESOURCE.fullmatch(resource):
        raise _RefusedError("protocol_error")
    host, port_text = _split(authority)
    port = _parse_port(port_text) if port_text else _DEFAULT_PORTS[scheme]
    if port not in (_DEFAULT_PORTS[scheme], _DEFAULT_PORTS["https"]) and port < _LEAST_FREE_PORT:
        raise _RefusedError("protocol_error")
    address = _judged(host, rules)
    resource = resource if resource.startswith("/") else f"/{resource}"
    return HttpTarget(str(address or host), port, address, scheme == "http", resource)


def _smtp_target(text: str, rules: EgressRules, *, is_plain: bool) -> Target:
    host, port_text = _split(text)
    port = _parse_port(port_text)
    if port not in _SMTP_PORTS and not (rules.is_development and port >= _LEAST_FREE_PORT):
        raise _RefusedError("protocol_error")
    address = _judged(host, rules)
    return Target(str(address or host), port, address, is_plain)


def _split(authority: str) -> tuple[str | IPv6Address, str]:
    """The name or the address in brackets, and the rest with the port. A name is in lower-case A-labels."""
    if not authority.startswith("["):
        host, colon, port = authority.partition(":")
        return _parse_name(host), colon + port
    text, closing, rest = authority[1:].partition("]")
    if not closing or "%" in text:
        raise _RefusedError("protocol_error")
    try:
        return IPv6Address(text), rest
    except ValueError:
        raise _RefusedError("protocol_error") from None


def _judged(host: str | IPv6Address, rules: EgressRules) -> IpAddress | None:
    """The address that the host is; None for a name. Text that a resolver takes for an address is never a name."""
    if isinstance(host, str) and not _NUMBER.fullmatch(host.rpartition(".")[2]):
        return None
    try:
        address = IPv4Address(host) if isinstance(host, str) else host
    except ValueError:
        raise _RefusedError("blocked_address") from None
    if not rules.allows(address):
        raise _RefusedError("blocked_address")
    return address


def _parse_port(text: str) -> int:
    digits = text.removeprefix(":")
    if not text.startswith(":") or not _PORT.fullmatch(digits) or int(digits) > 65535:
        raise _RefusedError("protocol_error")
    return int(digits)


def _parse_name(text: str) -> str:
    name = _a_labels(text) if len(text) <= _MAX_NAME_LENGTH else ""
    if len(name) > _MAX_NAME_LENGTH or not _NAME.fullmatch(name):
        raise _RefusedError("protocol_error")
    return name


def _a_labels(name: str) -> str:
    """The name as browsers read it (UTS 46); empty if it is none. `idna` would refuse ASCII labels like `r3---sn`."""
    if name.isascii():
        return name.lower()
    try:
        mapped = idna.uts46_remap(name, std3_rules=True, transitional=False)
        return ".".join(label if label.isascii() else idna.alabel(label).decode("ascii") for label in mapped.split("."))
    except UnicodeError:  # idna.IDNAError is one
        return ""


def _is_in(address: IpAddress, networks: tuple[IpNetwork, ...]) -> bool:
    return any(address in network for network in networks)
