"""Api: the route that erases a user (SPEC §4)."""

from dataclasses import dataclass
from functools import partial
from typing import assert_never

from contracts.errors import ErrorCode, Refusal
from contracts.internal_users import decode_delete_user, encode_delete_user
from services.internal_admin.callers.identity import Identity
from services.internal_admin.callers.request import cause_of
from services.internal_admin.callers.route import ProtectedRoute
from services.internal_admin.changes.api import answered, response
from services.internal_admin.changes.domain import session_ids
from services.internal_admin.changes.flow import PublishedChange
from services.internal_admin.sessions.domain import UserNotFound
from services.internal_admin.users.delete_user import delete_user
from services.internal_admin.users.user_deletion_domain import DeleteUser, DeleteUserOutcome, UserDeleted
from shared.web.exchange import Request, Response


@dataclass(frozen=True, slots=True)
class UserDeletionRoutes:
    """Erasing users of the local directory."""

    change: PublishedChange

    def routes(self) -> tuple[ProtectedRoute, ...]:
        """The table for the listener."""
        return (ProtectedRoute("DELETE", "/api/v1/internal/users/{user_id}", self.delete, accepts_body=True),)

    async def delete(self, request: Request, identity: Identity | None) -> Response:
        """Erase a user."""
        asked, user_id = decode_delete_user(request.body), request.path_parameters["user_id"]
        command = DeleteUser(user_id, cause_of(request, identity, asked))
        change = answered(self.change, request, identity, partial(_deleted, user_id))
        return response(await delete_user(command, change))


def _deleted(user_id: str, outcome: DeleteUserOutcome) -> bytes:
    match outcome:
        case UserDeleted(changes, is_address_kept_for_block, before):
            return encode_delete_user(user_id, before + session_ids(changes), is_address_kept_for_block)
        case UserNotFound():
            raise Refusal(ErrorCode.SUBJECT_NOT_FOUND)
        case _:
            assert_never(outcome)
