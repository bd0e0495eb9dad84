"""A kind adds to a pause and to an archive, in the transaction of the verb, and names the secrets of its versions."""

from dataclasses import replace

import asyncpg
import pytest

from services.internal_admin.gateway_configs.kind import GATEWAY_CONFIG
from services.internal_admin.publication.domain.checks import Judged
from services.internal_admin.publication.domain.subject import ArchiveSubject, Command, PauseSubject, Subject
from shared.kernel.faults import DependencyUnavailable
from tests.support.builders import unique
from tests.support.publication import CALLER, Publisher
from tests.support.world import World


def test_a_hook_runs_in_the_transaction_of_its_verb(world: World) -> None:
    commands: list[Command] = []

    async def note(connection: asyncpg.Connection, subject: Subject, command: Command) -> tuple[()]:
        assert connection.is_in_transaction()
        assert subject.subject_id == command.subject_id
        commands.append(command)
        return ()

    publisher = Publisher(world, kind=replace(GATEWAY_CONFIG, when_paused=note, when_archived=note))
    subject_id = publisher.activated([publisher.pool()])
    pauses = [world.call(publisher.pause_of(subject_id)).name for _ in range(2)]
    archives = [world.call(publisher.archive_of(subject_id)).name for _ in range(2)]
    assert (pauses, archives) == (["paused", "already_paused"], ["archived", "already_archived"])
    assert commands == [PauseSubject(subject_id, None, CALLER)] * 2 + [ArchiveSubject(subject_id, CALLER)]


def test_a_verb_whose_hook_fails_changes_nothing(world: World) -> None:
    async def fail(_: asyncpg.Connection, __: Subject, ___: Command) -> tuple[()]:
        raise DependencyUnavailable("postgres")

    publisher = Publisher(world, kind=replace(GATEWAY_CONFIG, when_paused=fail))
    pool = publisher.pool()
    subject_id = publisher.activated([pool])
    head = publisher.served(pool)
    with pytest.raises(DependencyUnavailable):
        world.call(publisher.pause_of(subject_id))
    assert (publisher.read(subject_id).state, publisher.served(pool)) == ("active", head)


def test_a_publication_notes_the_secrets_that_its_version_names(world: World) -> None:
    secret_ids = [unique("secret-") for _ in range(2)]
    for secret_id in secret_ids:
        world.database.execute(
            "insert into secrets (secret_id, scope_kind, scope_id, name, usage, created_at, updated_at)"
            " values ($1, 'agent', $1, 'KEY', 'grantable', clock_now(), clock_now())",
            secret_id,
        )

    async def judge(_: asyncpg.Connection, __: Subject) -> Judged:
        return Judged((), b"{}", tuple(secret_ids))

    publisher = Publisher(world, kind=replace(GATEWAY_CONFIG, judge=judge))
    subject_id = publisher.create([publisher.pool()])
    assert [publisher.publish(subject_id) for _ in range(2)] == [1, 1]
    rows = world.database.execute("select * from subject_version_secrets where subject_id = $1", subject_id)
    assert sorted((row["version"], row["secret_id"]) for row in rows) == [(1, each) for each in sorted(secret_ids)]
