"""However agents are edited, published, activated, paused and archived by racing callers, a small model agrees."""

from dataclasses import dataclass, field
from typing import Any

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from services.internal_admin.agents.kind import agents_of
from tests.support.health_checks import SLOW_BY_NATURE
from tests.support.public_flow import race
from tests.support.publication import KEYS, Publisher
from tests.support.world import World

AGENTS = st.integers(min_value=0, max_value=1)
VALUES = st.lists(st.sampled_from("abc"), min_size=1, max_size=3)
PICKS = st.lists(st.integers(min_value=1, max_value=4), min_size=1, max_size=3)
SECTIONS: dict[str, Any] = {"sections": [{"key": "role", "text": "{{x}}"}]}
RACERS = st.integers(min_value=1, max_value=3)


@dataclass
class ModelAgent:
    """`draft` is the value of a variable, and `versions` are the values that were published."""

    draft: str = "a"
    revision: int = 1
    versions: list[str] = field(default_factory=list[str])
    active: int | None = None
    history: list[int | None] = field(default_factory=list[int | None])
    is_archived: bool = False


class AgentsMachine(RuleBasedStateMachine):
    """Two agents share a pool."""

    def __init__(self, publisher: Publisher) -> None:
        super().__init__()
        self.publisher, self.pool = publisher, publisher.pool()
        self.ids = [publisher.create([self.pool], variables={"x": "a"}, **SECTIONS) for _ in range(2)]
        self.agents = [ModelAgent() for _ in range(2)]
        self.digests: dict[tuple[str, int], bytes] = {}

    def race(self, *units: Any) -> list[str]:
        return [outcome.name for outcome in self.publisher.world.call(race, *units)]

    @rule(which=AGENTS, values=VALUES)
    def edit(self, which: int, values: list[str]) -> None:
        agent, agent_id = self.agents[which], self.ids[which]
        units = [self.publisher.change_of(agent_id, agent.revision, variables={"x": each}) for each in values]
        self.written(agent, values, self.race(*units))

    @rule(which=AGENTS, picks=PICKS)
    def revert(self, which: int, picks: list[int]) -> None:
        agent, agent_id = self.agents[which], self.ids[which]
        known = [pick for pick in picks if pick <= len(agent.versions)]
        units = [self.publisher.revert_of(agent_id, pick, agent.revision) for pick in known]
        if units:
            self.written(agent, [agent.versions[pick - 1] for pick in known], self.race(*units))

    def written(self, agent: ModelAgent, values: list[str], names: list[str]) -> None:
        """Of racers with one revision one writes. Equal values write nothing, unless another racer came first."""
        if agent.is_archived:
            assert set(names) == {"is_archived"}
            return
        changed = [value for value, name in zip(values, names, strict=True) if name == "changed"]
        assert len(changed) == (any(value != agent.draft for value in values))
        assert set(names) <= {"changed", "unchanged", "revision_conflict"}
        assert all(value == agent.draft for value, name in zip(values, names, strict=True) if name == "unchanged")
        for value in changed:
            agent.draft, agent.revision = value, agent.revision + 1

    @rule(which=AGENTS, racers=RACERS)
    def publish(self, which: int, racers: int) -> None:
        agent = self.agents[which]
        names = self.race(*[self.publisher.publish_of(self.ids[which], agent.revision)] * racers)
        if agent.is_archived:
            assert set(names) == {"is_archived"}
            return
        is_new = agent.versions[-1:] != [agent.draft]
        assert sorted(names) == ["published"] * is_new + ["unchanged"] * (racers - is_new)
        agent.versions += [agent.draft] * is_new

    @rule(which=AGENTS, picks=PICKS)
    def activate(self, which: int, picks: list[int]) -> None:
        agent = self.agents[which]
        names = self.race(*[self.publisher.activate_of(self.ids[which], pick, agent.active) for pick in picks])
        if agent.is_archived:
            assert set(names) == {"is_archived"}
            return
        known = {pick for pick in picks if pick <= len(agent.versions)}
        activated = [pick for pick, name in zip(picks, names, strict=True) if name == "activated"]
        assert names.count("version_not_found") == sum(pick not in known for pick in picks)
        assert len(activated) == bool(known - {agent.active})
        for pick in activated:
            agent.active = pick
            agent.history.append(pick)

    @rule(which=AGENTS, racers=RACERS)
    def pause(self, which: int, racers: int) -> None:
        agent = self.agents[which]
        names = self.race(*[self.publisher.pause_of(self.ids[which])] * racers)
        if agent.active is not None:
            assert sorted(names) == ["already_paused"] * (racers - 1) + ["paused"]
            agent.active = None
            agent.history.append(None)
        else:
            was_paused = bool(agent.history) and not agent.is_archived
            assert set(names) == {"already_paused" if was_paused else "not_active"}

    @rule(which=AGENTS, racers=RACERS, is_meant=st.sampled_from([False, False, False, True]))
    def archive(self, which: int, racers: int, is_meant: bool) -> None:
        agent = self.agents[which]
        if not is_meant and agent.active is None:
            return
        names = self.race(*[self.publisher.archive_of(self.ids[which])] * racers)
        if agent.active is not None:
            assert set(names) == {"still_active"}
        else:
            assert names.count("archived") == (not agent.is_archived)
            agent.is_archived = True

    @invariant()
    def versions_are_contiguous_and_never_change(self) -> None:
        sql = "select version, digest, sha256(document) as found from subject_versions where subject_id = $1"
        for agent, agent_id in zip(self.agents, self.ids, strict=True):
            rows = self.publisher.world.database.execute(f"{sql} order by version", agent_id)
            assert [row["version"] for row in rows] == list(range(1, len(agent.versions) + 1))
            for row in rows:
                before = self.digests.setdefault((agent_id, row["version"]), row["digest"])
                assert before == row["digest"] == row["found"]

    @invariant()
    def the_history_is_complete_and_ends_with_what_is_active(self) -> None:
        sql = "select version from subject_activations where subject_id = $1 order by activation_id"
        for agent, agent_id in zip(self.agents, self.ids, strict=True):
            assert [row[0] for row in self.publisher.world.database.execute(sql, agent_id)] == agent.history
            read = self.publisher.read(agent_id)
            assert (read.active_version, read.revision) == (agent.active, agent.revision)
            assert read.active_version is None or 1 <= read.active_version <= read.last_version

    @invariant()
    def the_manifest_names_what_is_active(self) -> None:
        served = self.publisher.head(self.pool)
        found = sorted(each.version for each in self.publisher.manifest(self.pool).documents) if served else []
        assert found == sorted(agent.active for agent in self.agents if agent.active is not None)
        changes = sum(len(agent.history) for agent in self.agents)
        assert (0 if served is None else served.head.position.sequence) == changes


def test_agents_follow_the_model(world: World) -> None:
    publisher = Publisher(world, kind=agents_of(KEYS))

    class Machine(AgentsMachine):
        def __init__(self) -> None:
            super().__init__(publisher)

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=4,
            stateful_step_count=15,
            deadline=None,
            phases=(Phase.generate,),
            suppress_health_check=SLOW_BY_NATURE,
            database=None,
        ),
    )
