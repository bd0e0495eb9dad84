"""The routes of connections and their defaults (SPEC §18.1, §18.2). A secret that came in never goes out."""

from dataclasses import dataclass
from functools import partial

from contracts.connection_kinds import KINDS, PROVIDER_KINDS
from contracts.control_plane.connections import (
    PutConnection,
    decode_put_api_key,
    decode_put_connection,
    decode_put_default,
    encode_catalogue,
    encode_connection,
    encode_connections,
    encode_default,
    encode_defaults,
    encode_deleted_connection,
    encode_removed_default,
    encode_verified,
    of_provider,
    require_connection_key,
    require_connection_name,
)
from contracts.errors import ErrorCode, Refusal
from services.internal_admin.callers.access import Scoped
from services.internal_admin.callers.identity import Identity, Scope
from services.internal_admin.callers.paths import CONTROL_PLANE
from services.internal_admin.callers.request import caller_of
from services.internal_admin.callers.route import MINUTE, PerNetwork, Route
from services.internal_admin.changes.api import answered, response
from services.internal_admin.changes.domain import Answer, KeyConflict
from services.internal_admin.changes.flow import PublishedChange
from services.internal_admin.connections import domain, listing, store
from services.internal_admin.connections.domain import (
    MAX_CONNECTIONS,
    MAX_NAMED,
    ChangeOf,
    SetDefault,
    Settled,
    SettleOutcome,
    Standing,
    WriteCandidate,
    provider_kind,
)
from services.internal_admin.connections.flow import Verifications
from services.internal_admin.connections.mail import MailCopy
from services.internal_admin.secrets.domain.submission import request_digests
from services.internal_admin.secrets.store.values import Vault
from shared.io.postgres import Postgres
from shared.kernel.faults import InvariantBroken
from shared.kernel.ids import new_connection_id
from shared.web.exchange import Request, Response

_CONNECTIONS = CONTROL_PLANE + "/connections"
_DEFAULTS = _CONNECTIONS + "/defaults"
_PROVIDER = CONTROL_PLANE + "/providers/{provider_id}/connection"
_READ, _WRITE = Scoped(Scope.CONNECTIONS_READ), Scoped(Scope.CONNECTIONS_WRITE)
_PUTS = PerNetwork("connection_write", 30, MINUTE)
_VERIFICATIONS = PerNetwork("connection_verify", 10, MINUTE)
"""Each of these calls a far end, so both bound how fast a caller can look around by it."""


@dataclass(frozen=True, slots=True)
class ConnectionApi:
    """Connections, as operators see, change and verify them."""

    postgres: Postgres
    change: PublishedChange
    vault: Vault
    copy: MailCopy
    verifications: Verifications

    async def read_catalogue(self, _: Request, __: Identity | None) -> Response:
        """The kinds of connections, with all that a form needs."""
        return Response(200, encode_catalogue())

    async def list(self, _: Request, __: Identity | None) -> Response:
        """All connections by name."""
        return Response(200, encode_connections(await self.postgres.unit_of_work(listing.list_connections)))

    async def read(self, request: Request, _: Identity | None) -> Response:
        """One connection with its accepted revision and its candidate."""
        name = require_connection_name(request.path_parameters["name"])
        found = await self.postgres.unit_of_work(listing.list_connections, name)
        if not found:
            raise Refusal(ErrorCode.CONNECTION_NOT_FOUND)
        return Response(200, encode_connection(found[0]))

    async def put(self, request: Request, identity: Identity | None) -> Response:
        """A new revision, verified before it serves."""
        name = require_connection_name(request.path_parameters["name"])
        return await self._put(request, identity, name, decode_put_connection(request.body))

    async def put_api_key(self, request: Request, identity: Identity | None) -> Response:
        """A provider's API key: the same as `put`, in the words of a provider."""
        name = require_connection_name(request.path_parameters["provider_id"])
        asked = decode_put_api_key(request.body)
        stored = None if asked.kind else await self.postgres.unit_of_work(listing.read_kind, name)
        kind = asked.kind or provider_kind(name, stored)
        if kind not in PROVIDER_KINDS:
            raise Refusal(ErrorCode.INVALID_REQUEST, f"the connection is of the kind {kind}, which has no API key")
        return await self._put(request, identity, name, of_provider(asked, kind))

    async def verify(self, request: Request, identity: Identity | None) -> Response:
        """Verify a connection now. A repeat verifies again."""
        return await self._verify(request, identity, request.path_parameters["name"])

    async def verify_provider(self, request: Request, identity: Identity | None) -> Response:
        """Verify a provider's connection now."""
        return await self._verify(request, identity, request.path_parameters["provider_id"])

    async def delete(self, request: Request, identity: Identity | None) -> Response:
        """Remove a connection that nothing uses, with its secrets."""
        name = require_connection_name(request.path_parameters["name"])
        command = ChangeOf(name, caller_of(request, identity))

        def body_of(outcome: domain.DeleteOutcome) -> bytes:
            if isinstance(outcome, domain.Deleted):
                return encode_deleted_connection(name)
            raise refusal_of(outcome)

        made = answered(self.change, request, identity, body_of)
        return response(await made.make(store.delete_connection, self.vault, command))

    async def list_defaults(self, _: Request, __: Identity | None) -> Response:
        """The defaults that are set."""
        return Response(200, encode_defaults(await self.postgres.unit_of_work(listing.list_defaults)))

    async def read_default(self, request: Request, _: Identity | None) -> Response:
        """The default of one key."""
        key = require_connection_key(request.path_parameters["connection_key"])
        found = await self.postgres.unit_of_work(listing.list_defaults, key)
        if not found:
            raise Refusal(ErrorCode.DEFAULT_NOT_FOUND)
        return Response(200, encode_default(found[0]))

    async def put_default(self, request: Request, identity: Identity | None) -> Response:
        """Make an accepted connection the default of a key."""
        return await self._set_default(request, identity, decode_put_default(request.body))

    async def delete_default(self, request: Request, identity: Identity | None) -> Response:
        """Remove the default of a key."""
        return await self._set_default(request, identity, None)

    async def _put(self, request: Request, identity: Identity | None, name: str, asked: PutConnection) -> Response:
        digests = partial(request_digests, self.vault.keys)
        made = answered(self.change, request, identity, _verified, digests=digests)
        answer = await made.repeated()
        if answer is None:
            connection_id = new_connection_id(self.vault.clock, self.vault.entropy)
            command = WriteCandidate(connection_id, name, asked, caller_of(request, identity))
            answer = await self.verifications.put(command, made)
        if isinstance(answer, Answer | KeyConflict):
            return response(answer)
        raise refusal_of(answer)

    async def _verify(self, request: Request, identity: Identity | None, name: str) -> Response:
        outcome = await self.verifications.verify(require_connection_name(name), caller_of(request, identity))
        if isinstance(outcome, domain.NotFound):
            raise refusal_of(outcome)
        return Response(200, _verified(outcome))

    async def _set_default(self, request: Request, identity: Identity | None, name: str | None) -> Response:
        key = require_connection_key(request.path_parameters["connection_key"])
        command = SetDefault(key, name, caller_of(request, identity))

        def body_of(outcome: domain.SetDefaultOutcome) -> bytes:
            match outcome:
                case domain.DefaultSet(default, is_change):
                    return encode_default(default, "set" if is_change else "unchanged")
                case domain.DefaultRemoved():
                    return encode_removed_default(key)
                case _:
                    raise refusal_of(outcome)

        made = answered(self.change, request, identity, body_of)
        return response(await made.make(store.set_default, self.copy, command))


ROUTES: tuple[Route[ConnectionApi], ...] = (
    Route("GET", _CONNECTIONS + "/catalog", ConnectionApi.read_catalogue, access=_READ),
    Route("GET", _DEFAULTS, ConnectionApi.list_defaults, access=_READ),
    Route("GET", _DEFAULTS + "/{connection_key}", ConnectionApi.read_default, access=_READ),
    Route("PUT", _DEFAULTS + "/{connection_key}", ConnectionApi.put_default, access=_WRITE, accepts_body=True),
    Route("DELETE", _DEFAULTS + "/{connection_key}", ConnectionApi.delete_default, access=_WRITE),
    Route("GET", _CONNECTIONS, ConnectionApi.list, access=_READ),
    Route("GET", _CONNECTIONS + "/{name}", ConnectionApi.read, access=_READ),
    Route("PUT", _CONNECTIONS + "/{name}", ConnectionApi.put, access=_WRITE, limit=_PUTS, accepts_body=True),
    Route("DELETE", _CONNECTIONS + "/{name}", ConnectionApi.delete, access=_WRITE),
    Route("POST", _CONNECTIONS + "/{name}/verify", ConnectionApi.verify, access=_WRITE, limit=_VERIFICATIONS),
    Route("PUT", _PROVIDER + "/api-key", ConnectionApi.put_api_key, access=_WRITE, limit=_PUTS, accepts_body=True),
    Route("POST", _PROVIDER + "/verify", ConnectionApi.verify_provider, access=_WRITE, limit=_VERIFICATIONS),
)


def refusal_of(outcome: object) -> Refusal:
    """The refusal of an outcome that is no success. A message names fields and numbers, never a value."""
    return Refusal(*_code_and_message(outcome))


def _code_and_message(outcome: object) -> tuple[ErrorCode, str | None]:
    match outcome:
        case domain.NotFound():
            found: tuple[ErrorCode, str | None] = (ErrorCode.CONNECTION_NOT_FOUND, None)
        case domain.NoDefault():
            found = (ErrorCode.DEFAULT_NOT_FOUND, None)
        case domain.RevisionConflict(standing):
            found = (ErrorCode.REVISION_CONFLICT, _conflict(standing))
        case domain.InUse(users):
            more = ", and more" if len(users) > MAX_NAMED else ""
            found = (ErrorCode.CONNECTION_IN_USE, f"used by {', '.join(users[:MAX_NAMED])}{more}")
        case domain.TooMany():
            found = (ErrorCode.LIMIT_REACHED, f"at most {MAX_CONNECTIONS} connections are kept; delete one")
        case domain.NotAccepted():
            found = (ErrorCode.NOT_ACTIVE, "the connection has no accepted revision")
        case _:
            found = (ErrorCode.INVALID_REQUEST, _bad_request(outcome))
    return found


def _bad_request(outcome: object) -> str:
    match outcome:
        case domain.KindDiffers(kind):
            return f"kind must be {kind}: a connection keeps its kind"
        case domain.SecretMissing(field, is_for_another=True):
            return f"secrets.{field} is required: the stored one is for another server"
        case domain.SecretMissing(field):
            return f"secrets.{field} is required"
        case domain.UnfitKind(kind):
            key = KINDS[kind].connection_key
            fit = "no default" if key is None else f"a default for {key} only"
            return f"connection is of the kind {kind}, which can be {fit}"
        case _:
            raise InvariantBroken("every outcome has an answer")


def _conflict(standing: Standing | None) -> str:
    if standing is None:
        return "there is no connection of this name; expected_revision must be 0"
    if standing.is_verifying:
        return f"revision {standing.candidate} is being verified; repeat the request when that has ended"
    accepted = f"revision {standing.accepted} is accepted" if standing.accepted else "no revision is accepted"
    return f"{accepted}; revision {standing.candidate} is the candidate" if standing.candidate else accepted


def _verified(outcome: SettleOutcome) -> bytes:
    if isinstance(outcome, Settled):
        return encode_verified(outcome.name, outcome.revision, outcome.verification)
    raise refusal_of(outcome)
