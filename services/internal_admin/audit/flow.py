"""Flow: list the audit trail."""

from contracts.control_plane.audit import AuditCursor, AuditFilter
from services.internal_admin.audit.domain.page import AuditPage
from services.internal_admin.audit.store.trail import list_audit_rows
from shared.io.postgres import Postgres


async def list_audit(asked: AuditFilter, after: AuditCursor | None, limit: int, postgres: Postgres) -> AuditPage:
    """Newest first; those after a position, or from the newest on."""
    return await postgres.unit_of_work(list_audit_rows, asked, after, limit)
