"""What `AUTHSESSION_ENV=production` refuses at boot, and the cure of each (SPEC §10.9). Development takes all of it.

Refused is what hands out login codes or admits strangers; plain text to a server of the owner's own network is a
warning, since only the owner knows that network. What one process alone knows about is refused by its own settings.
"""

from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from shared.config import variables
from shared.config.process_settings import ProcessSettings
from shared.config.settings import Reading
from shared.io.postgres_dsn import is_encrypted_or_local
from shared.kernel.address import TcpAddress, is_on_this_machine, parse_address
from shared.kernel.keyring import KeyRing
from shared.kernel.network import IpNetwork

_SHORTEST_PREFIX = {4: 8, 6: 7}
"""A private network may be as wide as 10.0.0.0/8 or fc00::/7. Nobody's own proxies need more."""


def check_production(reading: Reading, settings: ProcessSettings) -> None:
    """Adds every problem and warning to `reading`; values that are wrong by themselves have theirs already."""
    if not settings.is_production:
        return
    if settings.mail_service_mode == "stub":
        reading.problems.append(
            f"{variables.MAIL_SERVICE_MODE.name}=stub shows login codes to whoever reaches the internal listener, "
            "which production refuses: configure a mail service"
        )
    if settings.postgres_dsn and not is_encrypted_or_local(settings.postgres_dsn):
        reading.warnings.append(
            f"{variables.POSTGRES_DSN.name} turns encryption off: whoever is on the path reads and changes everything; "
            "write sslmode=verify-full"
        )
    if settings.redis.address and not settings.redis.tls and not _is_local(settings.redis.address):
        reading.warnings.append(
            f"{variables.REDIS_TLS.name} is off: whoever is on the path to Redis can make sessions; write true"
        )
    if settings.user_service is not None and _is_plain_http(settings.user_service.base_url):
        reading.warnings.append(
            f"{variables.USER_SERVICE_BASE_URL.name} is http: whoever is on the path decides who a user is; write https"
        )


def check_trusted_proxies(reading: Reading, settings: ProcessSettings, networks: Iterable[IpNetwork] | None) -> None:
    """Networks in which strangers are: each of them could name any address as the client's."""
    wide = [str(each) for each in networks or () if each.prefixlen < _SHORTEST_PREFIX[each.version]]
    if settings.is_production and wide:
        reading.problems.append(
            f"{variables.TRUSTED_PROXIES.name} believes everybody in {', '.join(wide)}: a stranger who names other "
            "addresses as the client's passes every limit, which production refuses; write your own proxies"
        )


def check_keys(reading: Reading, settings: ProcessSettings, rings: Mapping[str, KeyRing | None]) -> None:
    """One secret is one key of one purpose: else who gets at one of them has the others too. `rings` by variable."""
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


def _is_plain_http(base_url: str) -> bool:
    """To another machine."""
    url = urlsplit(base_url)
    return url.scheme == "http" and not is_on_this_machine(TcpAddress(url.hostname or "", 0))


def _is_local(server: str) -> bool:
    return is_on_this_machine(parse_address(server, default_host="127.0.0.1"))
