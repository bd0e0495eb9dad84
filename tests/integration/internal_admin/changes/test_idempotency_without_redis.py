"""A mutation under an `Idempotency-Key` while Redis is away: its repeat publishes what the first one could not."""

from typing import Any

import pytest

from authsession.embedded.redis import EmbeddedRedis
from services.internal_admin.changes.domain import PART
from tests.support.builders import store_session, store_user, unique
from tests.support.control_plane import open_control_plane
from tests.support.database import Database
from tests.support.servers import temporary_redis
from tests.support.world import open_world

CAUSE = {"reason_code": "admin_revoke", "actor": {"type": "admin", "id": "admin-1"}}
MOST_REPEATS = 20  # until the keeper has begun the new epoch


@pytest.mark.parametrize("part", [PART, 2], ids=["in one transaction", "in several"])
def test_a_repeat_first_publishes_what_the_first_could_not(
    database: Database, monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    for feature in ("sessions", "changes"):
        monkeypatch.setattr(f"services.internal_admin.{feature}.store.PART", part)
    user = store_user(database)
    sessions = [store_session(database, user).device_session_id for _ in range(5)]
    path, headers = f"/api/v1/internal/users/{user.user_id}/sessions/revoke-all", {"idempotency-key": unique("key-")}
    with temporary_redis() as server:
        answer = _answered_after_an_outage(database, server, path, headers, sessions)

    assert (answer["outcome"], sorted(answer["affected_device_session_ids"])) == ("revoked", sorted(sessions))
    sql = "select outcome from audit_events where event = 'security.revoke_user_sessions' and subject = $1"
    rows = database.execute(sql + " order by audit_id", user.user_id)
    assert [row["outcome"] for row in rows] == ["revoked", *["continued"] * (len(sessions) // part)]


def _answered_after_an_outage(
    database: Database, server: EmbeddedRedis, path: str, headers: dict[str, str], sessions: list[str]
) -> dict[str, Any]:
    with open_world(database, server) as world, open_control_plane(world) as plane:
        server.kill()
        assert [plane.post(path, CAUSE, headers=headers).status_code for _ in range(2)] == [503, 503]
        server.start()
        answers = (plane.post(path, CAUSE, headers=headers) for _ in range(MOST_REPEATS))
        answer = next(each for each in answers if each.status_code != 503)
        keys = plane._settings.gateway_keys
        records = world.call(world.redis.mget, [keys.record(each) for each in sessions])
        assert all(record is not None and b'"status":"revoked"' in record for record in records)
        return answer.json()
