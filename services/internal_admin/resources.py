"""The resources of the internal process, and what features share that is made of them and the settings."""

from dataclasses import dataclass

from services.internal_admin.connections.mail import MailCopy
from services.internal_admin.node_telemetry.collector import Collector
from services.internal_admin.operators.hashing import PasswordHasher
from services.internal_admin.publication.store.references import SecretReferences
from services.internal_admin.secrets.store.values import Vault
from services.internal_admin.settings import InternalAdminSettings
from shared.io.egress import Egress
from shared.io.postgres import Postgres
from shared.io.redis import Redis
from shared.kernel.clock import Clock
from shared.kernel.entropy import Entropy
from shared.users.directory import UserDirectory
from shared.web.rate_limit import RateLimiter


@dataclass(frozen=True, slots=True)
class Resources:
    """The resources of the service. `directory` is None where users live in our own Postgres.

    `collector` is None where the environment names none for the telemetry of nodes.
    """

    postgres: Postgres
    redis: Redis
    directory: UserDirectory | None
    collector: Collector | None
    limiter: RateLimiter
    hasher: PasswordHasher
    clock: Clock
    entropy: Entropy


def mail_copy_of(resources: Resources, settings: InternalAdminSettings) -> MailCopy:
    return MailCopy(settings.secret_keys, settings.process.sealing_keys, resources.entropy)


def egress_of(settings: InternalAdminSettings) -> Egress:
    """The way out to the far ends of connections. The process has one."""
    egress = settings.process.egress
    return Egress(egress.rules, proxy=egress.proxy, own=egress.own)


def vault_of(resources: Resources, settings: InternalAdminSettings) -> Vault:
    """The means to write secrets."""
    references = SecretReferences(settings.config_keys)
    return Vault(settings.secret_keys, references.refresh, resources.clock, resources.entropy)
