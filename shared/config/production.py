"""Checks that only `AUTHSESSION_ENV=production` makes at start, each with its cure (SPEC §10.9).

A setting that hands out login codes or lets strangers in is refused. Plain text to a server is a warning, because only
the owner knows the network. Settings that only one process has are checked with that process' settings.
"""

from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import urlsplit

from contracts.cors import ANY_ORIGIN
from shared.config import variables
from shared.config.process_settings import ProcessSettings
from shared.config.settings import Reading
from shared.io.postgres_dsn import is_encrypted_or_local
from shared.kernel.address import TcpAddress, is_on_this_machine, parse_address
from shared.kernel.egress_rules import is_loopback_network
from shared.kernel.keyring import KeyRing
from shared.kernel.network import IpNetwork

_MIN_PREFIX_LENGTH = {4: 8, 6: 7}
"""Shortest prefix of a network to trust or open, by IP version: 10.0.0.0/8 and fc00::/7 are the widest private ones."""


def check_production(reading: Reading, settings: ProcessSettings) -> None:
    """Add every problem and warning to `reading`. It already has those of values that are wrong in themselves."""
    if not settings.is_production:
        return
    if reading.says(variables.MAIL_SERVICE_MODE, "stub"):
        reading.problems.append(
            f"{variables.MAIL_SERVICE_MODE.name}=stub shows login codes to anybody who reaches the internal listener, "
            "which production refuses: configure a mail service"
        )
    if settings.postgres_dsn and not is_encrypted_or_local(settings.postgres_dsn):
        reading.warnings.append(
            f"{variables.POSTGRES_DSN.name} turns encryption off: anybody on the path can read and change everything; "
            "write sslmode=verify-full"
        )
    if settings.redis.address and not settings.redis.tls and not _is_local(settings.redis.address):
        reading.warnings.append(
            f"{variables.REDIS_TLS.name} is off: anybody on the path to Redis can make sessions; write true"
        )
    if settings.user_service is not None and is_plain_http(settings.user_service.base_url):
        reading.warnings.append(
            f"{variables.USER_SERVICE_BASE_URL.name} is http: anybody on the path can decide who a user is; write https"
        )
    for network in settings.egress.rules.allowed:
        _check_opened(reading, network)


def _check_opened(reading: Reading, network: IpNetwork) -> None:
    """Refuse loopback, and wide networks, in the list of networks that connections may use."""
    name = variables.EGRESS_ALLOW.name
    if is_loopback_network(network):
        reading.problems.append(
            f"{name} opens loopback ({network}), which production refuses: operators could call every server of this "
            "machine; remove it"
        )
    elif network.prefixlen < _MIN_PREFIX_LENGTH[network.version]:
        reading.problems.append(
            f"{name} opens {network}, which production refuses: write the networks of the servers that connections use"
        )


def check_trusted_proxies(reading: Reading, settings: ProcessSettings, networks: Iterable[IpNetwork] | None) -> None:
    """Refuse trusted networks that are wider than private ones: a stranger inside could forge the client's address."""
    wide = [str(each) for each in networks or () if each.prefixlen < _MIN_PREFIX_LENGTH[each.version]]
    if settings.is_production and wide:
        reading.problems.append(
            f"{variables.TRUSTED_PROXIES.name} trusts everybody in {', '.join(wide)}: a stranger there can forge "
            "client addresses and pass every limit, which production refuses; write the addresses of your own proxies"
        )


def check_cors_origins(reading: Reading, settings: ProcessSettings, origins: Sequence[str]) -> None:
    """Warn of `*` and of origins without TLS: their pages can ask for codes from the networks of their visitors."""
    name = variables.CORS_ORIGINS.name
    if not settings.is_production:
        return
    if ANY_ORIGIN in origins:
        reading.warnings.append(
            f"{name} is *: every web page can send login codes from the networks of its visitors; "
            "write the origins of your own pages"
        )
    if any(is_plain_http(origin) for origin in origins):
        reading.warnings.append(
            f"{name} has an origin without TLS: anybody on the path can change its pages; write https"
        )


def check_keys(reading: Reading, settings: ProcessSettings, rings: Mapping[str, KeyRing | None]) -> None:
    """Refuse a secret that serves as two keys, because a leak of one would leak the other. `rings` is by variable."""
    seen: dict[bytes, str] = {}
    for name, ring in rings.items():
        for key in ring or ():
            place = f"{name} (id {key.id})"
            first = seen.setdefault(key.secret, place)
            if settings.is_production and first is not place:
                reading.problems.append(
                    f"{place} is the same secret as {first}, which production refuses: "
                    "make one key for each purpose and each id (`authsession keys new`)"
                )


def is_plain_http(base_url: str) -> bool:
    """Whether the URL is plain text to another machine."""
    url = urlsplit(base_url)
    return url.scheme == "http" and not is_on_this_machine(TcpAddress(url.hostname or "", 0))


def _is_local(server: str) -> bool:
    return is_on_this_machine(parse_address(server, default_host="127.0.0.1"))
