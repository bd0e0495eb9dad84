"""Connections beside activations and changes of their secrets, on real Postgres: no deadlock, and no lost user."""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import asyncpg
import pytest

from contracts.control_plane.connections import decode_put_connection
from services.internal_admin.callers.identity import Caller
from services.internal_admin.connections import store
from services.internal_admin.connections.domain import (
    ChangeOf,
    Probed,
    SetDefault,
    Settle,
    Settled,
    Target,
    WriteCandidate,
)
from services.internal_admin.connections.mail import MailCopy
from services.internal_admin.publication.store.references import SecretReferences
from services.internal_admin.secrets.domain.secret import SecretGone
from services.internal_admin.secrets.store import values
from services.internal_admin.secrets.store.values import Vault
from shared.io.postgres import Postgres
from shared.kernel.clock import SystemClock
from shared.kernel.entropy import SystemEntropy
from shared.kernel.ids import new_connection_id
from shared.kernel.keyring import KeyRing
from tests.support.builders import unique
from tests.support.control_plane import SECRET_KEYS
from tests.support.public_flow import after, race
from tests.support.publication import KEYS, Publisher
from tests.support.secret_rights import AGENT
from tests.support.world import World

CALLER = Caller("operator-1", "192.0.2.7", "request-1")
VAULT = Vault(SECRET_KEYS, SecretReferences(KEYS).refresh, SystemClock(), SystemEntropy())
COPY = MailCopy(SECRET_KEYS, SECRET_KEYS, SystemEntropy())
OTHER_KEYS = KeyRing.parse("test", "k2:" + "QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI=")
VERIFIED = Probed("verified", "verified", 1)


async def slow_refresh(connection: asyncpg.Connection, secret_ids: Sequence[str]) -> None:
    await VAULT.refresh(connection, secret_ids)
    await connection.execute("select pg_sleep(0.2)")


SLOW = replace(VAULT, refresh=slow_refresh)
"""Holds what it has locked for a while after each refresh."""


async def destroy_as_of_a_lost_key(connection: asyncpg.Connection, secret_id: str) -> tuple[int, ...]:
    async with connection.transaction():
        return await values.destroy_versions(connection, VAULT, secret_id, [1, 2])


class Counted:
    """Counts the runs of units of work. A unit that ran into a deadlock runs again."""

    def __init__(self, postgres: Postgres) -> None:
        self.postgres, self.asked, self.runs = postgres, 0, 0

    def of(self, function: Any, *arguments: Any) -> Callable[[], Awaitable[Any]]:
        async def counted(connection: asyncpg.Connection) -> Any:
            self.runs += 1
            return await function(connection, *arguments)

        self.asked += 1
        return partial(self.postgres.unit_of_work, counted)


class Mail:
    """A mail connection with a user name and a password, and an agent that names both."""

    def __init__(self, world: World, postgres: Postgres, copy: MailCopy = COPY) -> None:
        self.world, self.counted, self.name, self.copy = world, Counted(postgres), unique("connection-"), copy
        self.publisher = Publisher(world, postgres, kind=AGENT)
        self.pool = self.publisher.pool()
        self.accept("one", 0)
        self.secrets = self.ids()
        self.agent = self.publisher.create([self.pool], secrets=self.secrets)
        self.version = self.publisher.publish(self.agent)

    def candidate(self, password: str, expected: int, **more: str) -> Target:
        settings = {"address": "mail.example.com:587", "from": "login@example.com"}
        secrets = {"user": "someone", "password": password, **more}
        body = {"kind": "smtp", "settings": settings, "secrets": secrets, "expected_revision": expected}
        asked = decode_put_connection(json.dumps(body).encode())
        command = WriteCandidate(new_connection_id(VAULT.clock, VAULT.entropy), self.name, asked, CALLER)
        target = self.world.call(self.counted.of(store.write_candidate, VAULT, command))
        assert isinstance(target, Target)
        return target

    def settle_of(self, target: Target, vault: Vault = VAULT) -> Callable[[], Awaitable[Any]]:
        command = Settle(target, VERIFIED, accepts_unverified=False, is_on_demand=False, caller=CALLER)
        return self.counted.of(store.settle, vault, self.copy, command)

    def accept(self, password: str, expected: int) -> None:
        settled = self.world.call(self.settle_of(self.candidate(password, expected)))
        assert isinstance(settled, Settled)
        assert settled.name == "accepted"

    def ids(self) -> list[str]:
        rows = self.world.database.execute(
            "select secret_id from secrets join connections on scope_id = connection_id"
            " where connections.name = $1 order by secret_id",
            self.name,
        )
        return [row["secret_id"] for row in rows]

    def named(self) -> dict[str, int]:
        """The secrets that the manifest of the pool names, with their versions."""
        return {each.secret_id: each.version for each in self.publisher.manifest(self.pool).secrets}


@pytest.fixture
def mail(world: World, wide_pool: Postgres) -> Mail:
    return Mail(world, wide_pool)


def test_an_acceptance_locks_all_its_secrets_before_a_pool(mail: Mail) -> None:
    """A destruction of the second secret waits for it, and neither has to be repeated."""
    mail.publisher.activate(mail.agent, mail.version)
    target = mail.candidate("two", 1)
    destroy = mail.counted.of(destroy_as_of_a_lost_key, mail.secrets[1])
    settled, destroyed = mail.world.call(race, mail.settle_of(target, SLOW), after(0.1, destroy))
    assert (settled.name, destroyed) == ("accepted", (1, 2))
    assert mail.named() == {mail.secrets[0]: 2}
    assert mail.counted.runs == mail.counted.asked


def test_a_connection_that_an_activation_takes_at_the_same_time_stays(mail: Mail) -> None:
    """The activation has its secrets and waits for a pool when the deletion begins."""

    async def hold_pool(connection: asyncpg.Connection) -> None:
        async with connection.transaction():
            await connection.execute("select from node_pools where pool = $1 for no key update", mail.pool)
            await connection.execute("select pg_sleep(0.3)")

    activation = mail.publisher.activate_of(mail.agent, mail.version, None)
    deletion = mail.counted.of(store.delete_connection, VAULT, ChangeOf(mail.name, CALLER))
    held = mail.counted.of(hold_pool)
    _, activated, deleted = mail.world.call(race, held, after(0.1, activation), after(0.2, deletion))
    assert (activated.name, deleted.name) == ("activated", "connection_in_use")
    assert mail.named() == dict.fromkeys(mail.secrets, 1)


def test_a_candidate_whose_secret_is_destroyed_while_it_is_verified_is_gone(mail: Mail) -> None:
    """The accepted revision serves on."""
    mail.publisher.activate(mail.agent, mail.version)
    target = mail.candidate("two", 1)
    sql = "update secret_versions set state = 'destroyed', wrapped_key = null, ciphertext = null"
    mail.world.database.execute(sql + " where secret_id = $1 and version = 2", mail.secrets[1])
    with pytest.raises(SecretGone):
        mail.world.call(mail.settle_of(target))
    assert mail.named() == dict.fromkeys(mail.secrets, 1)


def test_an_unreadable_default_does_not_keep_another_mail_connection_out(mail: Mail, world: World) -> None:
    """The default's password is gone, and the copy waits for its new sealing key: then another connection is needed."""
    set_default = SetDefault("mail", mail.name, CALLER)
    assert world.call(mail.counted.of(store.set_default, COPY, set_default)).name == "set"
    world.call(mail.counted.of(destroy_as_of_a_lost_key, mail.secrets[1]))
    other = Mail(world, mail.counted.postgres, replace(COPY, sealing_keys=OTHER_KEYS))
    assert len(other.secrets) == 2
    assert world.call(mail.counted.of(store.set_default, COPY, replace(set_default, name=None))).name == "removed"
