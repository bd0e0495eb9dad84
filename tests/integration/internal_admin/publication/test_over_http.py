"""Routes of gateway configurations: If-Match, Idempotency-Key, refusals that change nothing, and bounded drafts."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from services.internal_admin.callers.identity import Scope
from tests.support.api_tokens import make_token
from tests.support.builders import unique
from tests.support.control_plane import ControlPlane, open_control_plane
from tests.support.publication import Publisher
from tests.support.world import World

CONFIGS = "/api/control-plane/gateway-configs"


@pytest.fixture(scope="module")
def plane(world: World) -> Iterator[ControlPlane]:
    with open_control_plane(world, requires_token=True) as control_plane:
        yield control_plane


@pytest.fixture(scope="module")
def token(world: World) -> str:
    scopes = [Scope.GATEWAY_CONFIGS_READ, Scope.GATEWAY_CONFIGS_WRITE, Scope.GATEWAY_CONFIGS_PUBLISH]
    return make_token(world, scopes).secret


def created(plane: ControlPlane, token: str, **body: Any) -> str:
    answer = plane.post(CONFIGS, {"name": unique("config-"), **body}, token=token)
    assert answer.status_code == 200, answer.text
    return f"{CONFIGS}/{answer.json()['gateway_config']['gateway_config_id']}"


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_a_generic_client_uses_the_entity_tag(plane: ControlPlane, token: str) -> None:
    path = created(plane, token)
    tag = plane.get(path, token=token).headers["etag"]
    change = {"draft": {"freshness_window": 20}}
    assert plane.patch(path, change, token=token, headers={"if-match": tag}).json()["gateway_config"]["revision"] == 2
    assert plane.get(path, token=token).headers["etag"] == '"2"'
    refused = plane.patch(path, {"draft": {"freshness_window": 30}}, token=token, headers={"if-match": tag})
    assert code_of(refused) == (409, "revision_conflict")
    both = change | {"expected_revision": 2}
    assert code_of(plane.patch(path, both, token=token, headers={"if-match": '"1"'})) == (400, "invalid_request")
    assert plane.patch(path, both, token=token, headers={"if-match": '"2"'}).json()["outcome"] == "unchanged"
    for strange in ("*", 'W/"2"', "2", '"1", "2"'):
        assert code_of(plane.patch(path, change, token=token, headers={"if-match": strange})) == (
            400,
            "invalid_request",
        )
    assert code_of(plane.patch(path, change, token=token)) == (400, "invalid_request")


def test_a_request_under_a_key_happens_once(world: World, plane: ControlPlane, token: str) -> None:
    pool = Publisher(world).pool()
    path = created(plane, token, pools=[pool])
    key = {"idempotency-key": unique("key-")}
    asked = {"expected_revision": 1, "draft": {"freshness_window": 20}}
    first, second = (plane.patch(path, asked, token=token, headers=key) for _ in range(2))
    assert (first.status_code, first.content) == (200, second.content)
    other = plane.patch(path, asked | {"expected_revision": 2}, token=token, headers=key)
    assert code_of(other) == (409, "idempotency_conflict")
    plane.post(f"{path}/publish", {"expected_revision": 2}, token=token)
    key = {"idempotency-key": unique("key-")}
    answers = [plane.post(f"{path}/activate", {"version": 1}, token=token, headers=key) for _ in range(2)]
    assert [answer.json()["outcome"] for answer in answers] == ["activated", "activated"]
    again = plane.post(f"{path}/activate", {"version": 1}, token=token)
    assert again.json() == answers[0].json() | {"outcome": "already_active"}
    rows = world.database.execute(
        "select outcome, caller from audit_events where event = 'security.activate_gateway_config' and subject = $1",
        path.rpartition("/")[2],
    )
    assert [row["outcome"] for row in rows] == ["activated", "already_active"]


def test_a_draft_cannot_grow_past_its_limit(plane: ControlPlane, token: str) -> None:
    path = created(plane, token, draft={"a": "x" * 200_000})
    refused = plane.patch(path, {"expected_revision": 1, "draft": {"b": "x" * 100_000}}, token=token)
    assert code_of(refused) == (400, "invalid_request")
    assert plane.get(path, token=token).json()["gateway_config"]["revision"] == 1


@pytest.mark.parametrize("number", ["1e308", "-1e16", "1e-300"])
def test_a_number_that_postgres_would_spell_out_at_length_is_refused(
    plane: ControlPlane, token: str, number: str
) -> None:
    body = f'{{"name":"{unique("config-")}","draft":{{"a":[1.5,1e15,[{number}]]}}}}'.encode()
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    assert code_of(plane.send("POST", CONFIGS, body, headers)) == (400, "invalid_request")
    allowed = plane.send("POST", CONFIGS, body.replace(number.encode(), b"0.0"), headers)
    assert allowed.json()["gateway_config"]["draft"] == {"a": [1.5, 10**15, [0.0]]}


def test_a_page_goes_on_after_its_last_item(plane: ControlPlane, token: str) -> None:
    paths = [created(plane, token) for _ in range(3)]
    found: list[str] = []
    query: dict[str, Any] = {"limit": 2}
    while query:
        page = plane.get(CONFIGS, token=token, **query).json()
        found += [each["gateway_config_id"] for each in page["gateway_configs"]]
        query = {"limit": 2, "cursor": page["next_cursor"]} if "next_cursor" in page else {}
    assert len(found) == len(set(found))
    assert found[:3] == [path.rpartition("/")[2] for path in reversed(paths)]


@pytest.mark.parametrize("odd", [True, 1.0, "1", -1, 10**30])
def test_a_value_of_another_type_is_another_value(plane: ControlPlane, token: str, odd: object) -> None:
    path = created(plane, token, draft={"freshness_window": 1})
    answer = plane.patch(path, {"expected_revision": 1, "draft": {"freshness_window": odd}}, token=token)
    assert answer.json()["outcome"] == "changed"
    assert plane.get(path, token=token).json()["gateway_config"]["draft"] == {"freshness_window": odd}


def test_an_archived_configuration_frees_its_name_and_can_do_nothing(plane: ControlPlane, token: str) -> None:
    name = unique("config-")
    path = created(plane, token, name=name)
    assert code_of(plane.post(CONFIGS, {"name": name}, token=token)) == (409, "name_taken")
    assert [plane.delete(path, token=token).json()["outcome"] for _ in range(2)] == ["archived", "already_archived"]
    created(plane, token, name=name)
    for verb, body in (("publish", {"expected_revision": 1}), ("revert", {"version": 1, "expected_revision": 1})):
        assert code_of(plane.post(f"{path}/{verb}", body, token=token)) == (409, "not_active")
    assert code_of(plane.post(f"{path}/pause", {}, token=token)) == (409, "not_active")
