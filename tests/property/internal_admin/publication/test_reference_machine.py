"""However rights, versions and stages change, both manifests of a pool name what a small model of the rights says."""

from dataclasses import dataclass, field
from typing import Any

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from services.internal_admin.publication.domain.subject import Stage
from services.internal_admin.publication.store import heads, resigning
from tests.support.health_checks import SLOW_BY_NATURE
from tests.support.publication import CALLER, KEYS, Publisher
from tests.support.secret_rights import AGENT, Rights
from tests.support.world import World

SECRETS = st.integers(min_value=0, max_value=4)
AGENTS = st.integers(min_value=0, max_value=1)
GRANTEES = st.integers(min_value=0, max_value=3)
POOLS = st.sets(st.integers(min_value=0, max_value=1), min_size=1)
STAGES = st.sampled_from([None, None, Stage(10, halts=True), Stage(50, halts=False)])

Reference = tuple[str, int, str]


@dataclass
class ModelSecret:
    """`version` is the current one. `owner` is the pool or agent of its scope; None: the installation."""

    owner: str | None
    is_connection: bool = False
    version: int = 1
    is_deleted: bool = False
    is_destroyed: bool = False
    granted: set[str] = field(default_factory=set[str])

    def is_open_to(self, reader: str, pool: str, secrets: set[str], secret_id: str) -> bool:
        if self.is_deleted or self.is_destroyed:
            return False
        holders = {self.owner, *self.granted}
        if reader == "gateway":
            return pool in holders
        return secret_id in secrets and (self.is_connection or bool(holders & {reader, pool}))


class ReferenceMachine(RuleBasedStateMachine):
    """Two agents in two pools, with a secret of each scope."""

    def __init__(self, publisher: Publisher, rights: Rights) -> None:
        super().__init__()
        self.publisher, self.rights = publisher, rights
        self.pools = [publisher.pool() for _ in range(2)]
        self.agents = [publisher.create([self.pools[0]]) for _ in range(2)]
        scopes: list[tuple[str, str, str | None]] = [
            ("installation", "", None),
            ("installation", "", None),
            ("pool", self.pools[0], self.pools[0]),
            ("agent", self.agents[0], self.agents[0]),
            ("connection", "connection-x", None),
        ]
        self.secrets = {
            rights.secret(kind, scope_id): ModelSecret(owner, kind == "connection") for kind, scope_id, owner in scopes
        }
        self.ids = list(self.secrets)
        self.named: dict[tuple[str, int], set[str]] = {}

    @rule(which=SECRETS)
    def put(self, which: int) -> None:
        secret = self.secrets[self.ids[which]]
        self.rights.put(self.ids[which])
        secret.version, secret.is_destroyed = secret.version + 1, False

    @rule(which=SECRETS, grantee=GRANTEES, is_given=st.booleans())
    def grant(self, which: int, grantee: int, is_given: bool) -> None:
        name = [*self.pools, *self.agents][grantee]
        if is_given:
            self.rights.grant(self.ids[which], name)
            self.secrets[self.ids[which]].granted.add(name)
        else:
            self.rights.withdraw(self.ids[which], name)
            self.secrets[self.ids[which]].granted.discard(name)

    @rule(which=SECRETS, end=st.sampled_from(["delete", "undelete", "undelete", "destroy"]))
    def end(self, which: int, end: str) -> None:
        secret = self.secrets[self.ids[which]]
        getattr(self.rights, end)(self.ids[which])
        secret.is_destroyed = secret.is_destroyed or end == "destroy"
        if end != "destroy":
            secret.is_deleted = end == "delete"

    @rule(which=AGENTS, secrets=st.sets(SECRETS), pools=POOLS, stage=STAGES)
    def publish(self, which: int, secrets: set[int], pools: set[int], stage: Stage | None) -> None:
        agent, chosen = self.agents[which], [self.pools[place] for place in sorted(pools)]
        named, revision = {self.ids[place] for place in secrets}, self.publisher.read(agent).revision
        self.publisher.change(agent, chosen, secrets=sorted(named), window=revision)
        version = self.publisher.publish(agent)
        self.named[agent, version] = named
        outcome = self.publisher.activate(agent, version, stage)
        assert outcome.name in ("activated", "checks_failed", "stage_unfinished")
        if outcome.name != "stage_unfinished":
            forbidden = {
                secret_id
                for secret_id in named
                if not any(self.secrets[secret_id].is_open_to(agent, pool, named, secret_id) for pool in chosen)
            }
            assert (outcome.name == "checks_failed") == bool(forbidden)

    @rule(which=AGENTS, pick=st.integers(min_value=1, max_value=4), stage=STAGES)
    def activate(self, which: int, pick: int, stage: Stage | None) -> None:
        self.publisher.activate(self.agents[which], pick, stage)

    @rule(which=AGENTS)
    def pause(self, which: int) -> None:
        self.publisher.world.call(self.publisher.pause_of(self.agents[which]))

    @rule(pool=st.integers(min_value=0, max_value=1))
    def begin_epoch(self, pool: int) -> None:
        self.publisher.run(resigning.begin_epochs, KEYS, self.pools[pool], CALLER)

    @invariant()
    def both_manifests_name_what_the_rights_say(self) -> None:
        for pool in self.pools:
            served = self.publisher.head(pool)
            if served is None:
                continue
            if served.stable is not None:
                assert served.stable.position < served.current.position
                self.check(pool, served.stable)
            self.check(pool, served.current)

    def check(self, pool: str, stored: heads.StoredManifest) -> None:
        versions = self.rows("select subject_id, version from config_documents where manifest_digest = $1", stored)
        named = {agent: self.named[agent, version] for agent, version in versions if (agent, version) in self.named}
        wanted: set[Reference] = {
            (secret_id, secret.version, reader)
            for secret_id, secret in self.secrets.items()
            for reader in ("gateway", *(agent for agent, _ in versions))
            if secret.is_open_to(reader, pool, named.get(reader, set()), secret_id)
        }
        assert (
            self.rows("select secret_id, version, reader from config_secrets where manifest_digest = $1", stored)
            == wanted
        )
        assert {(each.secret_id, each.version, each.reader) for each in stored.decoded.secrets} == wanted

    def rows(self, sql: str, stored: heads.StoredManifest) -> set[Any]:
        return {tuple(row) for row in self.publisher.world.database.execute(sql, stored.digest)}


def test_manifests_follow_the_model_of_the_rights(world: World) -> None:
    publisher, rights = Publisher(world, kind=AGENT), Rights(world)

    class Machine(ReferenceMachine):
        def __init__(self) -> None:
            super().__init__(publisher, rights)

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=8,
            stateful_step_count=25,
            deadline=None,
            phases=(Phase.generate,),
            suppress_health_check=SLOW_BY_NATURE,
            database=None,
        ),
    )
