"""Api: the look-up of a user by e-mail (SPEC §4.1)."""

from dataclasses import dataclass

from contracts.errors import ErrorCode, Refusal
from contracts.internal_users import UserAnswer, decode_find_user, encode_user
from services.internal_admin.api.protected_route import ProtectedRoute
from services.internal_admin.api.reading import email_address
from services.internal_admin.domain.identity import Identity
from services.internal_admin.flows.read_user import read_user
from shared.io.postgres import Postgres
from shared.users.directory import UserDirectory
from shared.web.exchange import Request, Response


@dataclass(frozen=True, slots=True)
class UserRoutes:
    """Reading the local directory."""

    postgres: Postgres
    directory: UserDirectory | None

    def routes(self) -> tuple[ProtectedRoute, ...]:
        """The table for the listener."""
        return (ProtectedRoute("GET", "/api/v1/internal/users", self.find),)

    async def find(self, request: Request, _: Identity | None) -> Response:
        """The user with an address."""
        user = await read_user(email_address(decode_find_user(request.query)), self.postgres, self.directory)
        if user is None:
            raise Refusal(ErrorCode.SUBJECT_NOT_FOUND)
        answer = UserAnswer(user.user_id, user.email, user.created_at, user.preferred_language, user.time_zone)
        return Response(200, encode_user(answer))
