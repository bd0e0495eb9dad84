"""Published configuration as operators make it, by units of work of the internal role: no HTTP, no Redis."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from contracts.node.manifest import Manifest, decode_manifest
from services.internal_admin.callers.identity import Caller
from services.internal_admin.gateway_configs.kind import GATEWAY_CONFIG
from services.internal_admin.publication.domain.subject import (
    ActivateVersion,
    ArchiveSubject,
    Changed,
    ChangeSubject,
    Created,
    CreateSubject,
    PauseSubject,
    Published,
    PublishSubject,
    RevertDraft,
    Stage,
)
from services.internal_admin.publication.store import activation, heads, subjects
from services.internal_admin.publication.store.kind import Kind
from shared.io.postgres import Postgres
from shared.kernel.clock import SystemClock
from shared.kernel.config_keys import ConfigKeys
from shared.kernel.entropy import SystemEntropy
from tests.support import stack
from tests.support.builders import unique
from tests.support.world import World

CALLER = Caller("operator-1", "192.0.2.7", "request-1")
KEYS = ConfigKeys.parse("test", stack.CONFIG_KEYS)


class Woken:
    """Counts wakes."""

    def __init__(self) -> None:
        self.count = 0

    def notify(self) -> None:
        self.count += 1


class Publisher:
    """The verbs of a kind. `…_of` are trio functions to race; the others run at once."""

    def __init__(
        self, world: World, postgres: Postgres | None = None, keys: ConfigKeys = KEYS, kind: Kind = GATEWAY_CONFIG
    ) -> None:
        self.world, self.keys, self.kind = world, keys, kind
        self._postgres = postgres or world.internal

    def add_pools(self, *pools: str) -> None:
        for pool in pools:
            self.world.database.execute(
                "insert into node_pools (pool, created_at) values ($1, clock_now()) on conflict do nothing", pool
            )

    def pool(self) -> str:
        """A new pool."""
        pool = unique("pool-")
        self.add_pools(pool)
        return pool

    def create(self, pools: Sequence[str], **draft: Any) -> str:
        """A new subject. Returns its id."""
        new_id = self.kind.new_id(SystemClock(), SystemEntropy())
        command = CreateSubject(new_id, unique("config-"), tuple(sorted(pools)), draft, CALLER)
        outcome = self.run(subjects.create_subject, self.kind, command)
        assert isinstance(outcome, Created), outcome
        return command.subject_id

    def change_of(self, subject_id: str, revision: int, pools: Sequence[str] | None = None, **draft: Any) -> Any:
        command = ChangeSubject(subject_id, revision, None if pools is None else tuple(sorted(pools)), draft, CALLER)
        return self._unit(subjects.change_subject, self.kind, command)

    def change(self, subject_id: str, pools: Sequence[str] | None = None, **draft: Any) -> Changed:
        """Change the draft as it is now."""
        outcome = self.world.call(self.change_of(subject_id, self.read(subject_id).revision, pools, **draft))
        assert isinstance(outcome, Changed), outcome
        return outcome

    def publish_of(self, subject_id: str, revision: int) -> Any:
        return self._unit(subjects.publish_subject, self.kind, PublishSubject(subject_id, revision, None, CALLER))

    def publish(self, subject_id: str) -> int:
        """Publish the draft as it is now. Returns the version."""
        outcome = self.world.call(self.publish_of(subject_id, self.read(subject_id).revision))
        assert isinstance(outcome, Published), outcome
        return outcome.version

    def activate_of(
        self, subject_id: str, version: int, expected: int | None, stage: Stage | None = None, note: str | None = None
    ) -> Any:
        command = ActivateVersion(subject_id, version, expected, stage, note, CALLER)
        return self._unit(activation.activate_version, self.kind, self.keys, command)

    def activate(self, subject_id: str, version: int, stage: Stage | None = None) -> Any:
        """Activate a version, whichever is active now."""
        expected = self.read(subject_id).active_version
        return self.world.call(self.activate_of(subject_id, version, expected, stage))

    def activated(self, pools: Sequence[str], **draft: Any) -> str:
        """A new subject whose version 1 is active."""
        subject_id = self.create(pools, **draft)
        outcome = self.activate(subject_id, self.publish(subject_id))
        assert outcome.name == "activated", outcome
        return subject_id

    def pause_of(self, subject_id: str) -> Any:
        command = PauseSubject(subject_id, None, CALLER)
        return self._unit(activation.pause_subject, self.kind, self.keys, command)

    def archive_of(self, subject_id: str) -> Any:
        return self._unit(subjects.archive_subject, self.kind, ArchiveSubject(subject_id, CALLER))

    def revert_of(self, subject_id: str, version: int, revision: int) -> Any:
        return self._unit(subjects.revert_draft, self.kind, RevertDraft(subject_id, version, revision, CALLER))

    def read(self, subject_id: str) -> Any:
        subject = self.run(subjects.read_subject, self.kind, subject_id)
        assert subject is not None
        return subject

    def head(self, pool: str) -> heads.ServedHead | None:
        return self.run(heads.read_served_head, pool)

    def served(self, pool: str) -> heads.ServedHead:
        head = self.head(pool)
        assert head is not None
        return head

    def manifest(self, pool: str) -> Manifest:
        return decode_manifest(self.served(pool).current.signed.payload)

    def run(self, function: Any, *arguments: Any) -> Any:
        return self.world.call(self._postgres.unit_of_work, function, *arguments)

    def _unit(self, function: Any, *arguments: Any) -> Any:
        return partial(self._postgres.unit_of_work, function, *arguments)
