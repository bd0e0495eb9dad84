"""The routes that find, list, change and erase users (SPEC §4.1)."""

from dataclasses import dataclass
from functools import partial
from typing import assert_never

from contracts.errors import ErrorCode, Refusal
from contracts.internal_users import (
    FindUsersQuery,
    UserCursor,
    decode_change_user_email,
    decode_delete_user,
    decode_find_users,
    encode_change_user_email,
    encode_delete_user,
    encode_user,
    encode_users,
)
from services.internal_admin.callers.access import Scoped
from services.internal_admin.callers.identity import Identity, Scope
from services.internal_admin.callers.paths import INTERNAL
from services.internal_admin.callers.request import cause_of, email_address
from services.internal_admin.callers.route import Route
from services.internal_admin.changes.api import answered, response
from services.internal_admin.changes.domain import session_ids
from services.internal_admin.changes.flow import PublishedChange
from services.internal_admin.sessions.domain import UserNotFound
from services.internal_admin.users import store
from services.internal_admin.users.domain import (
    ChangeUserEmail,
    ChangeUserEmailOutcome,
    DeleteUser,
    DeleteUserOutcome,
    EmailBlocked,
    EmailChanged,
    EmailInUse,
    EmailUnchanged,
    UserDeleted,
    UsersLiveElsewhere,
)
from shared.io.postgres import Postgres
from shared.users.directory import UserDirectory
from shared.web.exchange import Request, Response

_USERS = INTERNAL + "/users"
_ONE = _USERS + "/{user_id}"


@dataclass(frozen=True, slots=True)
class UserApi:
    """The local directory."""

    postgres: Postgres
    change: PublishedChange
    directory: UserDirectory | None

    async def find(self, request: Request, _: Identity | None) -> Response:
        """The user with an address in any spelling (SPEC §2.3), or a page of all users.

        A user service may tell two spellings apart, so with a `directory` the address is taken as typed.
        """
        asked = decode_find_users(request.query)
        if asked.email is None:
            return await self._list(asked)
        email, as_typed = email_address(asked.email), self.directory is not None
        user = await self.postgres.unit_of_work(store.read_user, email, as_typed=as_typed)
        if user is None:
            raise Refusal(ErrorCode.SUBJECT_NOT_FOUND)
        return Response(200, encode_user(user))

    async def _list(self, asked: FindUsersQuery) -> Response:
        after = asked.cursor and asked.cursor.user_id
        page = await self.postgres.unit_of_work(store.list_users, after, asked.limit)
        next_cursor = UserCursor(page.items[-1].user_id) if page.has_more else None
        return Response(200, encode_users(page.items, next_cursor))

    async def change_email(self, request: Request, identity: Identity | None) -> Response:
        """Give a user another address. A repeat finds it changed, and changes nothing."""
        asked, user_id = decode_change_user_email(request.body), request.path_parameters["user_id"]
        command = ChangeUserEmail(
            user_id, email_address(asked.email), cause_of(request, identity, asked), self.directory is not None
        )
        change = answered(self.change, request, identity, partial(_changed, user_id))
        return response(await change.make(store.change_user_email, command))

    async def delete(self, request: Request, identity: Identity | None) -> Response:
        """Erase a user. A repeat finds no user."""
        asked, user_id = decode_delete_user(request.body), request.path_parameters["user_id"]
        command = DeleteUser(user_id, cause_of(request, identity, asked))
        change = answered(self.change, request, identity, partial(_deleted, user_id))
        return response(await change.make_in_parts(store.delete_user, command))


ROUTES: tuple[Route[UserApi], ...] = (
    Route("GET", _USERS, UserApi.find, access=Scoped(Scope.USERS_READ)),
    Route("PATCH", _ONE, UserApi.change_email, access=Scoped(Scope.USERS_WRITE), accepts_body=True),
    Route("DELETE", _ONE, UserApi.delete, access=Scoped(Scope.USERS_DELETE), accepts_body=True),
)


def _changed(user_id: str, outcome: ChangeUserEmailOutcome) -> bytes:
    match outcome:
        case EmailChanged() | EmailUnchanged():
            return encode_change_user_email(outcome.name, user_id)
        case EmailInUse():
            raise Refusal(ErrorCode.EMAIL_IN_USE, "the e-mail belongs to another user")
        case EmailBlocked():
            raise Refusal(ErrorCode.EMAIL_BLOCKED, "the old or the new e-mail is blocked: unblock it first")
        case UsersLiveElsewhere():
            raise Refusal(ErrorCode.USERS_LIVE_ELSEWHERE, "users live in the user service: change the e-mail there")
        case UserNotFound():
            raise Refusal(ErrorCode.SUBJECT_NOT_FOUND)
        case _:
            assert_never(outcome)


def _deleted(user_id: str, outcome: DeleteUserOutcome) -> bytes:
    match outcome:
        case UserDeleted(changes, is_address_kept_for_block, before):
            return encode_delete_user(user_id, before + session_ids(changes), is_address_kept_for_block)
        case UserNotFound():
            raise Refusal(ErrorCode.SUBJECT_NOT_FOUND)
        case _:
            assert_never(outcome)
