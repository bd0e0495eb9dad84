"""A connection is accepted in three steps: stored, verified outside of every transaction, then made to serve."""

from tests.integration.internal_admin.connections.conftest import KEY, Audit, Operator
from tests.support.far_ends import BODY_MARK, FarEnd
from tests.support.world import World


def test_a_right_key_is_accepted(operator: Operator, end: FarEnd, name: str, audit: Audit) -> None:
    answer = operator.put(name, end.url)
    assert answer.status_code == 200, answer.text
    accepted = answer.json()
    assert (accepted["outcome"], accepted["revision"]) == ("accepted", 1)
    assert accepted["verification"].items() >= {"result": "verified", "detail": "verified"}.items()
    shown = operator.shown(name)
    assert (shown["accepted"]["revision"], shown["accepted"]["secrets"]) == (1, ["api_key"])
    assert shown["accepted"]["settings"] == {"base_url": end.url}
    assert "candidate" not in shown
    assert audit() == [("write_connection", "stored"), ("write_connection", "accepted")]
    assert [asked.headers.get("authorization") for asked in end.requests] == [f"Bearer {KEY}", None]


def test_a_wrong_key_is_refused_although_the_health_of_the_provider_is_green(
    world: World, operator: Operator, end: FarEnd, name: str
) -> None:
    """The accepted revision with its key goes on serving; the candidate is kept for correction."""
    operator.put(name, end.url)
    refused = operator.put(name, end.url, "wrong-key", expected=1)
    assert refused.status_code == 200
    assert (refused.json()["outcome"], refused.json()["revision"]) == ("refused", 2)
    assert refused.json()["verification"]["result"] == "invalid_credentials"
    assert refused.json()["verification"]["detail"] == "status_401"
    assert BODY_MARK not in refused.text
    shown = operator.shown(name)
    assert (shown["accepted"]["revision"], shown["candidate"]["revision"]) == (1, 2)
    assert _versions(world, name) == [(1, "enabled", True), (2, "enabled", False)]
    corrected = operator.put(name, end.url, expected=2)
    assert corrected.json()["outcome"] == "accepted"
    assert _versions(world, name) == [(1, "enabled", False), (2, "destroyed", False), (3, "enabled", True)]


def _versions(world: World, name: str) -> list[tuple[int, str, bool]]:
    """Number and state of each version of the key, and whether it is the current one."""
    rows = world.database.execute(
        "select version, state, version = current_version as is_current"
        " from secret_versions join secrets using (secret_id)"
        " join connections on scope_id = connection_id where connections.name = $1 order by version",
        name,
    )
    return [tuple(row) for row in rows]
