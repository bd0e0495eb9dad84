"""What `AUTHSESSION_ENV=production` refuses at boot, and the cure of each (SPEC §10.9). Development takes all of it.

Refused is what hands out login codes or admits strangers; plain text to a server of the owner's own network is a
warning, since only the owner knows that network. What one process alone knows about is refused by its own settings.
"""

from urllib.parse import urlsplit

from shared import variables
from shared.address import TcpAddress, is_on_this_machine, parse_address
from shared.io.postgres_dsn import is_encrypted_or_local
from shared.process_settings import ProcessSettings
from shared.settings import Reading


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


def _is_plain_http(base_url: str) -> bool:
    """To another machine."""
    url = urlsplit(base_url)
    return url.scheme == "http" and not is_on_this_machine(TcpAddress(url.hostname or "", 0))


def _is_local(server: str) -> bool:
    return is_on_this_machine(parse_address(server, default_host="127.0.0.1"))
