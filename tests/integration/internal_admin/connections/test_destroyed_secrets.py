"""A connection's secret that is destroyed: only its connection takes it out of use, and no request ends in a fault."""

from typing import Any

import pytest

from services.internal_admin.callers.identity import Scope
from tests.integration.internal_admin.connections.conftest import KEY, Operator
from tests.support.api_tokens import make_token
from tests.support.control_plane import ControlPlane
from tests.support.far_ends import FarEnd, always, far_end
from tests.support.world import World


@pytest.fixture(scope="module")
def keeper(world: World, plane: ControlPlane) -> Operator:
    """An operator who may also change secrets."""
    scopes = [Scope.CONNECTIONS_READ, Scope.CONNECTIONS_WRITE, Scope.SECRETS_READ, Scope.SECRETS_WRITE]
    return Operator(plane, make_token(world, scopes).secret)


def secret_of(keeper: Operator, name: str) -> str:
    scope = keeper.shown(name)["connection_id"]
    [secret] = keeper.call("GET", "secrets", scope_kind="connection", scope_id=scope).json()["secrets"]
    return secret["secret_id"]


def test_only_versions_that_a_connection_left_behind_can_be_destroyed(keeper: Operator, end: FarEnd, name: str) -> None:
    """Neither the accepted version nor a candidate's can be destroyed by its id, so the connection goes on serving."""
    keeper.put(name, end.url)
    keeper.put(name, end.url, expected=1)
    keeper.put(name, end.url, "wrong-key", expected=2)
    path = f"secrets/{secret_of(keeper, name)}/destroy"
    for versions in ([2], [3], [1, 2]):
        refused = keeper.call("POST", path, {"versions": versions})
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "invalid_request")
    assert keeper.call("POST", path, {"versions": [1]}).json()["versions"] == [1]
    assert keeper.put(name, end.url, None, expected=2).json()["outcome"] == "accepted"
    assert end.requests[-2].headers["authorization"] == f"Bearer {KEY}"


def test_a_connection_whose_secret_is_gone_says_so_until_it_is_given_again(
    world: World, keeper: Operator, name: str
) -> None:
    """The command line destroys what a lost key sealed, also secrets that are in use."""
    with far_end(always(200)) as end:
        body: dict[str, Any] = {"kind": "mail_rest", "settings": {"base_url": end.url}}
        keeper.call("PUT", f"connections/{name}", {**body, "secrets": {"bearer": "one"}, "expected_revision": 0})
        lost = "update secret_versions set state = 'destroyed', wrapped_key = null, ciphertext = null"
        world.database.execute(f"{lost} where secret_id = $1", secret_of(keeper, name))
        answers = [
            keeper.call("POST", f"connections/{name}/verify"),
            keeper.call("PUT", f"connections/{name}", {**body, "expected_revision": 1}),
            keeper.call("PUT", "connections/defaults/mail", {"connection": name}),
        ]
        assert [(each.status_code, each.json()["error"]["code"]) for each in answers] == [
            (410, "secret_version_gone")
        ] * 3
        again = keeper.call(
            "PUT", f"connections/{name}", {**body, "secrets": {"bearer": "two"}, "expected_revision": 1}
        )
        assert again.json()["outcome"] == "accepted"
        assert keeper.call("PUT", "connections/defaults/mail", {"connection": name}).status_code == 200
        keeper.call("DELETE", "connections/defaults/mail")
