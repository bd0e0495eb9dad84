"""However drafts are edited, published, staged, activated, paused and archived, pools have what a small model says."""

from dataclasses import dataclass, field
from typing import Any

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from contracts.node.manifest import NOWHERE, Position, decode_manifest
from services.internal_admin.publication.domain.subject import Stage
from tests.support.health_checks import SLOW_BY_NATURE
from tests.support.publication import Publisher
from tests.support.world import World

SUBJECTS = st.integers(min_value=0, max_value=1)
POOLS = st.sets(st.integers(min_value=0, max_value=1), min_size=1)
PICKS = st.integers(min_value=1, max_value=4)
STAGES = st.sampled_from([None, None, 10, 50])

Made = tuple[int, frozenset[str]]
"""A window and pools: a draft, or the version that was made of it."""


@dataclass
class ModelSubject:
    """`versions` by their order. `active` is the number of a version."""

    draft: Made
    revision: int = 1
    versions: list[Made] = field(default_factory=list[Made])
    active: int | None = None
    was_paused: bool = False
    is_archived: bool = False


@dataclass
class ModelPool:
    """`content` is the subject and version in the pool. `percent` is that of an unfinished stage of `staged_by`.

    `stable` is what the nodes outside of the stage have.
    """

    sequence: int = 0
    content: tuple[int, int] | None = None
    percent: int | None = None
    staged_by: int | None = None
    stable: tuple[int, int] | None = None


class PublicationMachine(RuleBasedStateMachine):
    """Two subjects compete for two pools."""

    def __init__(self, publisher: Publisher) -> None:
        super().__init__()
        self.publisher = publisher
        self.names = sorted(publisher.pool() for _ in range(2))
        self.pools = {name: ModelPool() for name in self.names}
        self.ids = [publisher.create([self.names[0]], freshness_window=1) for _ in range(2)]
        self.subjects = [ModelSubject((1, frozenset(self.names[:1]))) for _ in range(2)]
        self.highest = dict.fromkeys(self.names, NOWHERE)

    def call(self, unit: Any) -> str:
        return self.publisher.world.call(unit).name

    @rule(which=SUBJECTS, window=st.integers(min_value=1, max_value=4), pools=POOLS, lag=st.sampled_from([0, 0, 1]))
    def edit(self, which: int, window: int, pools: set[int], lag: int) -> None:
        subject, names = self.subjects[which], [self.names[place] for place in pools]
        revision = max(1, subject.revision - lag)
        outcome = self.call(self.publisher.change_of(self.ids[which], revision, names, freshness_window=window))
        assert outcome == self.written(subject, revision, (window, frozenset(names)))

    @rule(which=SUBJECTS, pick=PICKS)
    def revert(self, which: int, pick: int) -> None:
        subject = self.subjects[which]
        outcome = self.call(self.publisher.revert_of(self.ids[which], pick, subject.revision))
        if not subject.is_archived and pick > len(subject.versions):
            assert outcome == "version_not_found"
        else:
            made = (0, frozenset[str]()) if subject.is_archived else subject.versions[pick - 1]
            assert outcome == self.written(subject, subject.revision, made)

    def written(self, subject: ModelSubject, revision: int, made: Made) -> str:
        if subject.is_archived:
            return "is_archived"
        if revision != subject.revision:
            return "revision_conflict"
        if subject.draft == made:
            return "unchanged"
        subject.draft, subject.revision = made, subject.revision + 1
        return "changed"

    @rule(which=SUBJECTS)
    def publish(self, which: int) -> None:
        subject = self.subjects[which]
        outcome = self.call(self.publisher.publish_of(self.ids[which], subject.revision))
        if subject.is_archived:
            assert outcome == "is_archived"
        elif subject.versions and subject.versions[-1] == subject.draft:
            assert outcome == "unchanged"
        else:
            assert outcome == "published"
            subject.versions.append(subject.draft)

    @rule(which=SUBJECTS, pick=PICKS, percent=STAGES)
    def activate(self, which: int, pick: int, percent: int | None) -> None:
        subject = self.subjects[which]
        stage = None if percent is None else Stage(percent, halts=False)
        outcome = self.call(self.publisher.activate_of(self.ids[which], pick, subject.active, stage))
        if subject.is_archived or pick > len(subject.versions):
            assert outcome == ("is_archived" if subject.is_archived else "version_not_found")
            return
        wanted = subject.versions[pick - 1][1]
        assert outcome == self.activated(which, pick, wanted, percent)

    def activated(self, which: int, version: int, wanted: frozenset[str], percent: int | None) -> str:
        """Move the model, and name the outcome."""
        subject = self.subjects[which]
        own = self.own(which)
        for name in sorted(wanted):
            if self.pools[name].content not in (None, *own):
                return "pool_taken"
            if self.pools[name].stable not in (None, *own):
                return "stage_unfinished"
        touched = {name: (which, version) if name in wanted else None for name in {*wanted, *self.held(which)}}
        changing = {name for name, content in touched.items() if self.pools[name].content != content}
        changing |= {name for name in touched if self.pools[name].sequence == 0}
        if percent is not None and any(self.pools[name].percent is not None for name in changing):
            return "stage_unfinished"
        widened = {
            name
            for name in touched.keys() - changing
            if (now := self.pools[name].percent) is not None and (percent is None or percent > now)
        }
        if not changing and not widened and subject.active == version:
            return "already_active"
        for name in changing:
            before = self.pools[name]
            self.pools[name] = ModelPool(before.sequence + 1, touched[name])
            if percent is not None:
                self.pools[name].stable = before.content
        for name in changing | widened:
            self.stage(name, which, percent)
        subject.active, subject.was_paused = version, False
        return "activated"

    def stage(self, name: str, which: int, percent: int | None) -> None:
        pool = self.pools[name]
        pool.percent, pool.staged_by = percent, None if percent is None else which
        if percent is None:
            pool.stable = None

    @rule(which=SUBJECTS)
    def pause(self, which: int) -> None:
        subject = self.subjects[which]
        outcome = self.call(self.publisher.pause_of(self.ids[which]))
        if subject.active is None:
            assert outcome == ("already_paused" if subject.was_paused and not subject.is_archived else "not_active")
            return
        assert outcome == "paused"
        for name in self.held(which):
            pool = self.pools[name]
            self.pools[name] = ModelPool(pool.sequence + 1 if pool.content else pool.sequence)
        subject.active, subject.was_paused = None, True

    @rule(which=SUBJECTS, is_meant=st.sampled_from([False, False, True]))
    def archive(self, which: int, is_meant: bool) -> None:
        subject = self.subjects[which]
        if not is_meant and subject.active is None:
            return
        outcome = self.call(self.publisher.archive_of(self.ids[which]))
        if subject.active is not None:
            assert outcome == "still_active"
        else:
            assert outcome == ("already_archived" if subject.is_archived else "archived")
            subject.is_archived = True

    def own(self, which: int) -> list[tuple[int, int]]:
        return [(which, number) for number in range(1, len(self.subjects[which].versions) + 1)]

    def held(self, which: int) -> frozenset[str]:
        """The pools of the active version, and those that it leaves in a stage."""
        subject = self.subjects[which]
        active = frozenset[str]() if subject.active is None else subject.versions[subject.active - 1][1]
        return active | {name for name, pool in self.pools.items() if pool.staged_by == which}

    @invariant()
    def pools_have_what_is_active(self) -> None:
        for name, model in self.pools.items():
            served = self.publisher.head(name)
            if served is None:
                assert model.sequence == 0
                continue
            manifest = decode_manifest(served.current.signed.payload)
            assert manifest.position == served.head.position
            assert (manifest.position.sequence, served.head.percent) == (model.sequence, model.percent or 100)
            assert (served.stable is not None) == (model.percent is not None and model.sequence > 1)
            assert [each.version for each in manifest.documents] == ([model.content[1]] if model.content else [])
            if served.stable is not None:
                stable = decode_manifest(served.stable.signed.payload)
                assert [each.version for each in stable.documents] == ([model.stable[1]] if model.stable else [])
            self.highest[name] = self.never_lower(name, manifest.position)

    def never_lower(self, name: str, position: Position) -> Position:
        assert position >= self.highest[name]
        return position


def test_pools_follow_the_model(world: World) -> None:
    publisher = Publisher(world)

    class Machine(PublicationMachine):
        def __init__(self) -> None:
            super().__init__(publisher)

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=20,
            stateful_step_count=25,
            deadline=None,
            phases=(Phase.generate,),
            suppress_health_check=SLOW_BY_NATURE,
            database=None,
        ),
    )
