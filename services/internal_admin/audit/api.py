"""The route that lists the audit trail, as a page of JSON or of JSON lines (SPEC §10.2)."""

from dataclasses import dataclass

from contracts.control_plane.audit import (
    JSON_LINES,
    ListAuditQuery,
    decode_list_audit,
    encode_audit,
    encode_audit_lines,
    encode_next_link,
)
from services.internal_admin.audit.store.trail import list_audit_rows
from services.internal_admin.callers.access import Scoped
from services.internal_admin.callers.identity import Identity, Scope
from services.internal_admin.callers.paths import CONTROL_PLANE
from services.internal_admin.callers.route import Route
from shared.io.postgres import Postgres
from shared.web.exchange import Request, Response


@dataclass(frozen=True, slots=True)
class AuditApi:
    """Reads the trail. No route changes it."""

    postgres: Postgres

    async def list(self, request: Request, _: Identity | None) -> Response:
        """One page of rows. With JSON lines the header `Link` leads to the next page."""
        asked = decode_list_audit(request.query)
        page = await self.postgres.unit_of_work(list_audit_rows, asked.filter, asked.cursor, asked.limit)
        if not _wants_lines(asked, request):
            return Response(200, encode_audit(page.rows, page.next))
        link = () if page.next is None else ((b"link", encode_next_link(request.query, page.next).encode("ascii")),)
        return Response(200, encode_audit_lines(page.rows), ((b"content-type", JSON_LINES.encode("ascii")), *link))


ROUTES: tuple[Route[AuditApi], ...] = (
    Route("GET", CONTROL_PLANE + "/audit", AuditApi.list, access=Scoped(Scope.AUDIT_READ)),
)


def _wants_lines(asked: ListAuditQuery, request: Request) -> bool:
    if asked.format is not None:
        return asked.format == "jsonl"
    accepted = (request.headers.get("accept") or "").lower().split(",")
    return any(each.partition(";")[0].strip() == JSON_LINES for each in accepted)
