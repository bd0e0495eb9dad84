"""Configurations are published and nodes join while processes, Postgres and Redis die (SPEC §16.3, §16.4)."""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

from clients.node.notices import Distrusted, NotKept
from tests.chaos.configured_nodes import Fleet, Noted, Operator, a_fleet
from tests.chaos.random_run import chosen_seed
from tests.chaos.weather import FAULTS, Weather, open_weather
from tests.support.database import Database
from tests.support.stack import wait_for

KILLS = (
    "internal process killed",
    "Postgres killed",
    "Redis killed",
    "network to Postgres cut",
    "network to Redis cut",
)
OPEN = {"CONTROL_PLANE_AUTH_MODE": "open"}
NODES = 4


def test_nodes_agree_after_kills_and_no_acknowledged_change_is_lost(
    rounds: int, tell: Callable[[Sequence[str]], None], tmp_path: Path
) -> None:
    seed, noted = chosen_seed(), Noted()
    chance = Random(seed)
    with open_weather(OPEN) as weather, a_fleet(weather.stack, noted, tmp_path) as fleet:
        operator = Operator(weather.stack, noted)
        operator.start()
        try:
            for fault in chance.sample(KILLS * rounds, len(KILLS) * rounds):
                if len(fleet.nodes) < NODES:
                    fleet.add(operator.join_string())
                time.sleep(chance.uniform(0, 0.4))
                FAULTS[fault](weather, chance)
                operator.wait_for_activations()
        finally:
            operator.stop()
        settle(weather.stack.database, operator.pool, fleet)
        if rounds > 1:
            wait_until_told(weather.stack.database, operator.pool, fleet)
        tell([f"CHAOS_SEED={seed}: {len(noted.activations)} activations, {len(noted.applied)} positions applied"])
        assert broken_promises(weather, operator.pool, noted) == [], f"CHAOS_SEED={seed}"


def head_of(database: Database, pool: str) -> str:
    """The digest of the manifest that every node of the pool should have."""
    (head,) = database.execute("select encode(digest, 'hex') as digest from config_heads where pool = $1", pool)
    return head["digest"]


def settle(database: Database, pool: str, fleet: Fleet) -> None:
    """Returns when every node has the head's configuration."""
    wait_for(lambda: set(fleet.digests().values()) == {head_of(database, pool)}, timeout=20)


def wait_until_told(database: Database, pool: str, fleet: Fleet) -> None:
    """Returns when every node has told so. After ten statuses in a minute a node waits for the next minute."""
    told = "select from nodes join node_states using (node_id) where pool = $1 and applied_digest = $2"
    digest = bytes.fromhex(head_of(database, pool))
    wait_for(lambda: len(database.execute(told, pool, digest)) == len(fleet.nodes), timeout=90)


def broken_promises(weather: Weather, pool: str, noted: Noted) -> list[str]:
    """Everything that contradicts an acknowledgement, or that no weather excuses."""
    database = weather.stack.database
    found = list(noted.strange)
    members = {row["node_id"] for row in database.execute("select node_id from nodes where pool = $1", pool)}
    found += [f"{node_id} joined and is lost" for node_id in noted.joins - members]
    kept = database.execute("select distinct version from subject_activations where version is not null")
    lost = noted.activations.keys() - {row["version"] for row in kept}
    found += [f"version {version} was activated and is lost" for version in sorted(lost)]
    documents = database.execute("select version, convert_from(document, 'UTF8') as document from subject_versions")
    limits = {row["version"]: json.loads(row["document"])["max_body_bytes"] for row in documents}
    found += [f"version {v} changed" for v, limit in noted.limits.items() if limits.get(v) != limit]
    places = list(noted.activations.values())
    found += [f"{place} was given twice" for place in set(places) if places.count(place) > 1]
    found += [f"{place} had {sorted(all_)}" for place, all_ in noted.applied.items() if len(all_) > 1]
    found += [
        f"{place} is not version {version}"
        for version, place in noted.activations.items()
        if noted.applied.get(place, set()) - {json.dumps([noted.limits[version]])}
    ]
    found += [str(notice) for notice in noted.notices if isinstance(notice, Distrusted | NotKept)]
    found += [line for line in weather.stack.lines["internal"] if is_bug(line)]
    return found


def is_bug(line: str) -> bool:
    """Whether a line of the log tells of an exception that nobody foresaw."""
    return "Traceback" in line or '"level": "error"' in line
