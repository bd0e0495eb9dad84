"""Flow: list the audit trail."""

from services.internal_admin.audit.domain.filter import AuditFilter, AuditPage, Position
from services.internal_admin.audit.store.trail import list_audit_rows
from shared.io.postgres import Postgres


async def list_audit(asked: AuditFilter, after: Position | None, limit: int, postgres: Postgres) -> AuditPage:
    """Newest first; those after a position, or from the newest on."""
    return await postgres.unit_of_work(list_audit_rows, asked, after, limit)
