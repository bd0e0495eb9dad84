"""The routes of operators about secrets (SPEC §17.2). No answer holds a value, a part of one, or its length."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from contracts.control_plane.secrets import (
    MAX_BODY_BYTES,
    PutSecretRequest,
    SealedValue,
    decode_destroy_versions,
    decode_grant_secret,
    decode_list_secrets,
    decode_put_secret,
    decode_restore_secret,
    encode_changed,
    encode_destroyed,
    encode_granted,
    encode_public_key,
    encode_secret,
    encode_secrets,
    encode_written,
    require_grantee,
    require_secret_name,
    require_value,
)
from contracts.errors import ErrorCode, Refusal
from contracts.node.names import is_name
from services.internal_admin.callers.access import Scoped
from services.internal_admin.callers.identity import Identity, Scope
from services.internal_admin.callers.paths import CONTROL_PLANE
from services.internal_admin.callers.request import caller_of
from services.internal_admin.callers.route import Route
from services.internal_admin.changes.api import answered, response
from services.internal_admin.changes.domain import Answer, KeyConflict
from services.internal_admin.changes.flow import PublishedChange
from services.internal_admin.secrets.domain import submission
from services.internal_admin.secrets.domain.secret import (
    INSTALLATION,
    Changed,
    ChangeGrant,
    ChangeOutcome,
    ChangeSecret,
    DestroyVersions,
    PutSecret,
    Refused,
    RestoreSecret,
    SecretScope,
    WriteOutcome,
    grantee_of,
)
from services.internal_admin.secrets.store import changes, listing
from services.internal_admin.secrets.store.values import Vault, require_keys
from services.internal_admin.secrets.wire import grant_answer, secret_answer, version_answer
from shared.io.postgres import Postgres
from shared.kernel.ids import new_secret_id
from shared.web.exchange import BodyRule, Request, Response

_SECRETS = CONTROL_PLANE + "/secrets"
_ONE = _SECRETS + "/{secret_id}"
_READ, _WRITE = Scoped(Scope.SECRETS_READ), Scoped(Scope.SECRETS_WRITE)
_VALUE_BODY = BodyRule(max_bytes=MAX_BODY_BYTES)

Woken: TypeAlias = Callable[[], None]
"""Wakes those who wait for manifests. A needless call does no harm."""


@dataclass(frozen=True, slots=True)
class SecretApi:
    """Writes, grants, deletes and shows secrets. Without keys nothing is written."""

    postgres: Postgres
    change: PublishedChange
    vault: Vault
    woken: Woken

    async def put(self, request: Request, identity: Identity | None) -> Response:
        """Write a value of the installation's scope."""
        return await self._put(request, identity, INSTALLATION, "secret")

    async def put_of_pool(self, request: Request, identity: Identity | None) -> Response:
        """Write a value of a pool's scope."""
        pool = request.path_parameters["pool"]
        if not is_name(pool):
            raise Refusal(ErrorCode.POOL_NOT_FOUND)
        return await self._put(request, identity, SecretScope("pool", pool), "name")

    async def put_of_agent(self, request: Request, identity: Identity | None) -> Response:
        """Write a value of an agent's scope."""
        scope = SecretScope("agent", request.path_parameters["agent_id"])
        return await self._put(request, identity, scope, "secret_key")

    async def public_key(self, _: Request, __: Identity | None) -> Response:
        """The key that a value may be sealed to."""
        require_keys(self.vault.keys)
        return Response(200, encode_public_key(*submission.public_key(self.vault.keys)))

    async def list(self, request: Request, _: Identity | None) -> Response:
        """Secrets, newest first, deleted ones too."""
        page = await self.postgres.unit_of_work(listing.list_secrets, decode_list_secrets(request.query))
        next_after = page.items[-1].secret_id if page.has_more else None
        return Response(200, encode_secrets([secret_answer(each) for each in page.items], next_after))

    async def read(self, request: Request, _: Identity | None) -> Response:
        """One secret with its versions and grants."""
        whole = await self.postgres.unit_of_work(listing.read_secret, request.path_parameters["secret"])
        if whole is None:
            raise Refusal(ErrorCode.SECRET_NOT_FOUND)
        versions, grants = map(version_answer, whole.versions), map(grant_answer, whole.grants)
        return Response(200, encode_secret(secret_answer(whole.secret), tuple(versions), tuple(grants)))

    async def restore(self, request: Request, identity: Identity | None) -> Response:
        """Make a new version of an earlier value."""
        asked = decode_restore_secret(request.body)
        require_keys(self.vault.keys)
        caller = caller_of(request, identity)
        command = RestoreSecret(request.path_parameters["secret_id"], asked.version, asked.expected_version, caller)
        made = answered(self.change, request, identity, _written)
        return self._answered(await made.make(changes.restore_secret, self.vault, command))

    async def grant(self, request: Request, identity: Identity | None) -> Response:
        """Grant a secret to a pool or an agent."""
        grantee = decode_grant_secret(request.body)
        made = answered(self.change, request, identity, partial(_granted, grantee))
        command = self._change_of_grant(request, identity, grantee)
        return self._answered(await made.make(changes.grant_secret, self.vault, command))

    async def withdraw(self, request: Request, identity: Identity | None) -> Response:
        """Withdraw a grant."""
        grantee = require_grantee(request.path_parameters["grantee"])
        made = answered(self.change, request, identity, partial(_granted, grantee))
        command = self._change_of_grant(request, identity, grantee)
        return self._answered(await made.make(changes.withdraw_secret, self.vault, command))

    async def delete(self, request: Request, identity: Identity | None) -> Response:
        """Delete a secret. A repeat changes nothing."""
        command = ChangeSecret(request.path_parameters["secret"], caller_of(request, identity))
        made = answered(self.change, request, identity, _changed)
        return self._answered(await made.make(changes.delete_secret, self.vault, command))

    async def undelete(self, request: Request, identity: Identity | None) -> Response:
        """Bring a deleted secret back."""
        command = ChangeSecret(request.path_parameters["secret_id"], caller_of(request, identity))
        made = answered(self.change, request, identity, _changed)
        return self._answered(await made.make(changes.undelete_secret, self.vault, command))

    async def destroy(self, request: Request, identity: Identity | None) -> Response:
        """Erase versions for good."""
        versions = decode_destroy_versions(request.body)
        command = DestroyVersions(request.path_parameters["secret_id"], versions, caller_of(request, identity))
        made = answered(self.change, request, identity, _destroyed)
        return self._answered(await made.make(changes.destroy_versions, self.vault, command))

    async def _put(self, request: Request, identity: Identity | None, scope: SecretScope, parameter: str) -> Response:
        asked = decode_put_secret(request.body)
        name = require_secret_name(request.path_parameters[parameter], parameter)
        require_keys(self.vault.keys)
        secret_id = new_secret_id(self.vault.clock, self.vault.entropy)
        value, caller = self._value(scope, name, asked), caller_of(request, identity)
        command = PutSecret(secret_id, scope, name, value, asked.usage, asked.expected_version, caller)
        made = answered(self.change, request, identity, _written, digests=self._digests)
        return self._answered(await made.make(changes.put_secret, self.vault, command))

    def _value(self, scope: SecretScope, name: str, asked: PutSecretRequest) -> bytes:
        if not isinstance(asked.value, SealedValue):
            return asked.value
        try:
            return require_value(submission.open_submitted(self.vault.keys, scope, name, asked.value))
        except submission.Unopenable:
            message = "sealed_value cannot be opened: seal it to the key of secrets/public-key, for this scope and name"
            raise Refusal(ErrorCode.INVALID_REQUEST, message) from None

    def _change_of_grant(self, request: Request, identity: Identity | None, grantee: str) -> ChangeGrant:
        return ChangeGrant(request.path_parameters["secret_id"], grantee_of(grantee), caller_of(request, identity))

    def _answered(self, answer: Answer | KeyConflict) -> Response:
        self.woken()
        return response(answer)

    def _digests(self, request: bytes) -> tuple[bytes, ...]:
        return submission.request_digests(self.vault.keys, request)


ROUTES: tuple[Route[SecretApi], ...] = (
    Route("GET", _SECRETS, SecretApi.list, access=_READ),
    Route("GET", _SECRETS + "/public-key", SecretApi.public_key, access=_READ),
    Route("GET", _SECRETS + "/{secret}", SecretApi.read, access=_READ),
    Route("PUT", _SECRETS + "/{secret}", SecretApi.put, access=_WRITE, body=_VALUE_BODY),
    Route("DELETE", _SECRETS + "/{secret}", SecretApi.delete, access=_WRITE),
    Route("POST", _ONE + "/grants", SecretApi.grant, access=_WRITE, accepts_body=True),
    Route("DELETE", _ONE + "/grants/{grantee}", SecretApi.withdraw, access=_WRITE),
    Route("POST", _ONE + "/restore", SecretApi.restore, access=_WRITE, accepts_body=True),
    Route("POST", _ONE + "/undelete", SecretApi.undelete, access=_WRITE),
    Route("POST", _ONE + "/destroy", SecretApi.destroy, access=_WRITE, accepts_body=True),
    Route(
        "PUT", CONTROL_PLANE + "/pools/{pool}/secrets/{name}", SecretApi.put_of_pool, access=_WRITE, body=_VALUE_BODY
    ),
    Route(
        "PUT",
        CONTROL_PLANE + "/agents/{agent_id}/secrets/{secret_key}",
        SecretApi.put_of_agent,
        access=_WRITE,
        body=_VALUE_BODY,
    ),
)


def _written(outcome: WriteOutcome) -> bytes:
    if isinstance(outcome, Refused):
        raise Refusal(outcome.code, outcome.message)
    return encode_written(outcome.name, outcome.version.secret_id, outcome.version.version)


def _changed(outcome: ChangeOutcome) -> bytes:
    done = _done(outcome)
    return encode_changed(done.name, done.secret_id)


def _granted(grantee: str, outcome: ChangeOutcome) -> bytes:
    done = _done(outcome)
    return encode_granted(done.name, done.secret_id, grantee)


def _destroyed(outcome: ChangeOutcome) -> bytes:
    done = _done(outcome)
    return encode_destroyed(done.name, done.secret_id, done.versions)


def _done(outcome: ChangeOutcome) -> Changed:
    if isinstance(outcome, Refused):
        raise Refusal(outcome.code, outcome.message)
    return outcome
