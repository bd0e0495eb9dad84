"""Rights to secrets as their room changes them: rows, and manifests in the same transaction. No value is sealed."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final, cast

import asyncpg

from contracts.encoding import encode
from services.internal_admin.gateway_configs.kind import GATEWAY_CONFIG
from services.internal_admin.publication.domain.checks import Judged
from services.internal_admin.publication.domain.subject import Subject
from services.internal_admin.publication.store.kind import Kind
from services.internal_admin.publication.store.references import SecretReferences
from shared.io.postgres import Postgres
from shared.kernel.clock import SystemClock
from shared.kernel.config_keys import ConfigKeys
from shared.kernel.entropy import SystemEntropy
from shared.kernel.ids import new_agent_id, new_secret_id
from tests.support.publication import KEYS
from tests.support.world import World


async def _judge(_: asyncpg.Connection, subject: Subject) -> Judged:
    document = {"agent_id": subject.subject_id, **subject.draft}
    return Judged((), encode(document), tuple(cast("list[str]", subject.draft.get("secrets", []))))


def _can_read(_: bytes) -> bool:
    return True


AGENT: Final[Kind] = replace(
    GATEWAY_CONFIG, name="agent", new_id=new_agent_id, judge=_judge, can_read=_can_read, is_alone=False
)
"""A kind with several subjects in a pool. `secrets` of a draft are the ids of the secrets that it names."""


class Rights:
    """Changes of rights to secrets. `…_of` are trio functions to race; the others run at once."""

    def __init__(self, world: World, postgres: Postgres | None = None, keys: ConfigKeys = KEYS) -> None:
        self.world, self.references = world, SecretReferences(keys)
        self._postgres = postgres or world.internal

    def secret(self, scope_kind: str = "installation", scope_id: str = "", usage: str = "grantable") -> str:
        """A new secret with version 1. Returns its id."""
        secret_id = new_secret_id(SystemClock(), SystemEntropy())
        self.world.call(self.unit_of([secret_id], _CREATE, secret_id, scope_kind, scope_id, name_of(secret_id), usage))
        self.put(secret_id)
        return secret_id

    def put_of(self, secret_id: str) -> Any:
        return self.unit_of([secret_id], _PUT, secret_id)

    def put(self, secret_id: str) -> None:
        self.world.call(self.put_of(secret_id))

    def grant_of(self, secret_id: str, grantee: str) -> Any:
        kind = "agent" if grantee.startswith("agent-") else "pool"
        return self.unit_of([secret_id], _GRANT, secret_id, kind, grantee)

    def grant(self, secret_id: str, grantee: str) -> None:
        self.world.call(self.grant_of(secret_id, grantee))

    def withdraw_of(self, secret_id: str, grantee: str) -> Any:
        return self.unit_of(
            [secret_id], "delete from secret_grants where secret_id = $1 and grantee_id = $2", secret_id, grantee
        )

    def withdraw(self, secret_id: str, grantee: str) -> None:
        self.world.call(self.withdraw_of(secret_id, grantee))

    def delete_of(self, secret_id: str) -> Any:
        return self.unit_of([secret_id], "update secrets set deleted_at = clock_now() where secret_id = $1", secret_id)

    def delete(self, secret_id: str) -> None:
        self.world.call(self.delete_of(secret_id))

    def undelete(self, secret_id: str) -> None:
        self.world.call(
            self.unit_of([secret_id], "update secrets set deleted_at = null where secret_id = $1", secret_id)
        )

    def destroy(self, secret_id: str) -> None:
        self.world.call(self.unit_of([secret_id], _DESTROY, secret_id))

    def unit_of(self, secret_ids: Sequence[str], sql: str, *arguments: object) -> Any:
        return partial(self._postgres.unit_of_work, self._change, secret_ids, sql, *arguments)

    async def _change(
        self, connection: asyncpg.Connection, secret_ids: Sequence[str], sql: str, *arguments: object
    ) -> None:
        async with connection.transaction():
            await connection.fetch(
                "select from secrets where secret_id = any ($1::text[]) order by secret_id for no key update",
                secret_ids,
            )
            await connection.execute(sql, *arguments)
            await self.references.refresh(connection, secret_ids)


def name_of(secret_id: str) -> str:
    return "S_" + secret_id.removeprefix("secret-").upper()


_CREATE = """
    insert into secrets (secret_id, scope_kind, scope_id, name, usage, created_at, updated_at)
    values ($1, $2, $3, $4, $5, clock_now(), clock_now())
"""
_PUT = """
    with put as (
        update secrets set current_version = last_version + 1, last_version = last_version + 1
         where secret_id = $1 returning current_version
    )
    insert into secret_versions (secret_id, version, state, key_id, wrapped_key, ciphertext, created_by, created_at)
    select $1, current_version, 'enabled', 'k1', '', '', 'tests', clock_now() from put
"""
_GRANT = """
    insert into secret_grants (secret_id, grantee_kind, grantee_id, granted_by, granted_at)
    values ($1, $2, $3, 'tests', clock_now()) on conflict do nothing
"""
_DESTROY = """
    update secret_versions set state = 'destroyed', wrapped_key = null, ciphertext = null
     where secret_id = $1 and version = (select current_version from secrets where secret_id = $1)
"""
