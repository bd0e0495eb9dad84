"""The tables of supervised workers of the internal process."""

from datetime import timedelta

from services.internal_admin.audit.retention import BATCH as AUDIT_BATCH
from services.internal_admin.audit.retention import AuditRetention
from services.internal_admin.audit.watch import AuditWatch
from services.internal_admin.blocks import orders as block_orders
from services.internal_admin.connections import expiry as candidate_expiry
from services.internal_admin.connections import mail as mail_copy
from services.internal_admin.connections.expiry import CandidateExpiry
from services.internal_admin.connections.mail import MailCopyKeeper
from services.internal_admin.node_config import offers as node_offers
from services.internal_admin.node_config import rollout as node_rollout
from services.internal_admin.node_config.offers import Offers
from services.internal_admin.node_config.rollout import Rollouts
from services.internal_admin.node_config.wake import Wake
from services.internal_admin.node_redis_users.flow import NodeUsers
from services.internal_admin.node_redis_users.worker import BATCH as NODE_USERS_BATCH
from services.internal_admin.node_redis_users.worker import REVOKED_IDLE, RevokedUsers
from services.internal_admin.publication.renewal import IDLE as RENEWAL_IDLE
from services.internal_admin.publication.renewal import ManifestRenewal
from services.internal_admin.resources import Resources, mail_copy_of, vault_of
from services.internal_admin.retention import worker as retention
from services.internal_admin.secrets import worker as secrets_worker
from services.internal_admin.secrets.worker import AgedSecrets, Rewrapping
from services.internal_admin.self_service import worker as self_service
from services.internal_admin.self_service.worker import OrderWatch, SessionOrders
from services.internal_admin.sessions import expiry as session_expiry
from services.internal_admin.sessions import idle as unused_sessions
from services.internal_admin.sessions.expiry import SessionExpiry
from services.internal_admin.sessions.idle import UnusedSessions
from services.internal_admin.settings import InternalAdminSettings
from services.internal_admin.system_settings import domains as domain_revocation
from services.internal_admin.system_settings.domains import DomainRevocation
from services.internal_admin.tokens.uses import IDLE as TOKEN_USES_IDLE
from services.internal_admin.tokens.uses import KeepTokenUses, TokenUses
from shared.io.postgres import Postgres
from shared.lifecycle.supervision import Worker
from shared.projection.projection import Projection
from shared.projection.reconciler import BATCH as RECONCILER_BATCH
from shared.projection.reconciler import IDLE as RECONCILER_IDLE
from shared.projection.reconciler import Reconciler
from shared.projection.relay import BATCH as RELAY_BATCH
from shared.projection.relay import Relay
from shared.projection.watch import OutboxWatch

WATCH_IDLE = timedelta(seconds=10)


def service_workers(
    resources: Resources,
    settings: InternalAdminSettings,
    projection: Projection,
    relay: Relay,
    domains: DomainRevocation,
    orders: SessionOrders,
    uses: TokenUses,
    wake: Wake,
) -> tuple[Worker, ...]:
    """The table of supervised workers."""
    postgres = resources.postgres
    expiry = SessionExpiry(postgres, relay.wake)
    aged_rows, unused_emails = retention.AgedRows(postgres), retention.UnusedEmails(postgres)
    renewal = ManifestRenewal(postgres, settings.config_keys, wake)
    aged_trail = AuditRetention(postgres, settings.operators.audit_keys)
    return (
        Worker("relay", relay.step, idle=timedelta(seconds=1), batch=RELAY_BATCH, wake=relay.wake),
        Worker("reconciler", Reconciler(postgres, projection).step, idle=RECONCILER_IDLE, batch=RECONCILER_BATCH),
        Worker("outbox watch", OutboxWatch(postgres).step, idle=WATCH_IDLE),
        Worker(
            "session orders",
            orders.step,
            idle=self_service.IDLE,
            batch=self_service.BATCH,
            rest=lambda: self_service.REST,
            wake=orders.wake,
        ),
        Worker("session order watch", OrderWatch(postgres).step, idle=WATCH_IDLE),
        Worker("audit watch", AuditWatch(postgres).step, idle=WATCH_IDLE),
        Worker("token uses", KeepTokenUses(postgres, uses).step, idle=TOKEN_USES_IDLE),
        Worker(
            "domain revocation",
            domains.step,
            idle=domain_revocation.IDLE,
            batch=domain_revocation.BATCH,
            rest=lambda: domain_revocation.REST,
            wake=domains.wake,
        ),
        Worker(
            "session expiry",
            expiry.step,
            idle=session_expiry.IDLE,
            batch=session_expiry.BATCH,
            rest=lambda: session_expiry.REST,
        ),
        Worker(
            "unused sessions",
            UnusedSessions(postgres, relay.wake).step,
            idle=unused_sessions.IDLE,
            batch=unused_sessions.PAGE,
            rest=lambda: unused_sessions.REST,
        ),
        Worker("aged rows", aged_rows.step, idle=retention.IDLE, batch=retention.BATCH, rest=aged_rows.rest),
        Worker(
            "unused e-mails", unused_emails.step, idle=retention.IDLE, batch=retention.PAGE, rest=unused_emails.rest
        ),
        Worker(
            "candidate expiry",
            CandidateExpiry(postgres, vault_of(resources, settings)).step,
            idle=candidate_expiry.IDLE,
            batch=candidate_expiry.BATCH,
        ),
        Worker("config renewal", renewal.step, idle=RENEWAL_IDLE),
        Worker("aged audit trail", aged_trail.step, idle=retention.IDLE, batch=AUDIT_BATCH, rest=aged_trail.rest),
        *_block_orders(resources),
    )


def _block_orders(resources: Resources) -> tuple[Worker, ...]:
    """The worker that tells the user service of blocks, where there is one."""
    if resources.directory is None:
        return ()
    orders = block_orders.BlockOrders(resources.postgres, resources.directory, resources.entropy)
    return (Worker("block orders", orders.step, idle=block_orders.IDLE, batch=block_orders.BATCH),)


def node_workers(postgres: Postgres, offers: Offers) -> tuple[Worker, ...]:
    return (
        Worker("node offers", offers.step, idle=node_offers.IDLE, batch=node_offers.BATCH),
        Worker("node rollout", Rollouts(postgres).step, idle=node_rollout.IDLE),
    )


def node_user_workers(postgres: Postgres, users: NodeUsers | None) -> tuple[Worker, ...]:
    """The worker that deletes the users of revoked nodes."""
    if users is None:
        return ()
    step = RevokedUsers(postgres, users).step
    return (Worker("revoked node redis users", step, idle=REVOKED_IDLE, batch=NODE_USERS_BATCH, wake=users.revoked),)


def secret_workers(resources: Resources, settings: InternalAdminSettings) -> tuple[Worker, ...]:
    """The workers that bring secrets under the newest key, and that end deleted ones."""
    postgres = resources.postgres
    keeper = MailCopyKeeper(postgres, mail_copy_of(resources, settings))
    rewrapping = Rewrapping(postgres, settings.secret_keys, resources.entropy)
    return (
        Worker("rewrapped secrets", rewrapping.step, idle=secrets_worker.IDLE, rest=lambda: secrets_worker.REST),
        Worker("aged secrets", AgedSecrets(postgres).step, idle=secrets_worker.IDLE, batch=secrets_worker.AGED_BATCH),
        Worker("mail connection", keeper.step, idle=mail_copy.IDLE),
    )
