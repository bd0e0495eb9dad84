"""Laws of the session cookie over HTTP: renewal, keys that change, proofs of origin, clearing (SPEC §10.4)."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from contracts.gateway import GatewayKeys
from tests.support.control_plane import AUTH, COOKIE, ControlPlane, SignedIn, open_control_plane
from tests.support.internal_api import gateway_keys
from tests.support.stack import COOKIE_KEYS
from tests.support.world import World

NEW_KEY = "k2:" + "bmV3LWtl" * 6
SAME_ORIGIN = {"sec-fetch-site": "same-origin"}


@pytest.fixture(scope="module")
def keys() -> GatewayKeys:
    return gateway_keys()


@pytest.fixture(scope="module")
def plane(world: World, keys: GatewayKeys) -> Iterator[ControlPlane]:
    with open_control_plane(world, gateway_keys=keys) as opened:
        yield opened


def set_cookie(answer: httpx.Response) -> tuple[str, dict[str, str]]:
    """The value and the attributes of the one cookie that an answer sets."""
    assert answer.headers.get_list("set-cookie") == [answer.headers["set-cookie"]]
    pair, *attributes = answer.headers["set-cookie"].split("; ")
    name, _, value = pair.partition("=")
    assert name == COOKIE
    named = [attribute.partition("=") for attribute in attributes]
    return value, {name: value for name, _, value in named}


def is_live(plane: ControlPlane, session: SignedIn) -> bool:
    return plane.get(f"{AUTH}/status", token=session.session_token).json()["authenticated"]


def test_a_cookie_admits_like_the_token_in_it(plane: ControlPlane) -> None:
    owner = plane.claim_owner()
    answer = plane.get(f"{AUTH}/sessions", cookie=plane.cookie(owner.session_token))
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers


def test_a_renewal_by_cookie_sets_it_again_for_what_is_left_of_the_session(plane: ControlPlane, world: World) -> None:
    owner = plane.claim_owner()
    world.travel(timedelta(hours=20))
    answer = plane.get("/v1/auth/session", cookie=plane.cookie(owner.session_token))
    value, attributes = set_cookie(answer)
    left = timedelta(days=7) - timedelta(hours=20)
    assert left - timedelta(seconds=10) <= timedelta(seconds=int(attributes.pop("Max-Age"))) <= left
    assert attributes == {"Path": "/", "HttpOnly": "", "SameSite": "Strict"}
    assert plane.get(f"{AUTH}/sessions", cookie=value).status_code == 200
    assert owner.session_token not in answer.text


def test_keys_change_without_logging_anyone_out(world: World, plane: ControlPlane, keys: GatewayKeys) -> None:
    """docs/guides/keys.md: append the new key everywhere, move it to the front everywhere, take the old one away."""
    owner = plane.claim_owner()
    cookie = plane.cookie(owner.session_token)
    for ring, key_id in ((f"{COOKIE_KEYS},{NEW_KEY}", "k1"), (f"{NEW_KEY},{COOKIE_KEYS}", "k2"), (NEW_KEY, "k2")):
        with open_control_plane(world, gateway_keys=keys, cookie_keys=ring) as replica:
            cookie, _ = set_cookie(replica.get("/v1/auth/session", cookie=cookie))
            assert cookie.startswith(f"v1.{key_id}.")
    with open_control_plane(world, gateway_keys=keys, cookie_keys=NEW_KEY) as replica:
        assert replica.get(f"{AUTH}/sessions", cookie=cookie).status_code == 200
        assert replica.get(f"{AUTH}/sessions", cookie=plane.cookie(owner.session_token)).status_code == 401


@pytest.mark.parametrize("path", ["/v1/auth/session", f"{AUTH}/sessions"])
@pytest.mark.parametrize("kind", ["broken", "dead"])
def test_a_cookie_that_is_no_good_is_cleared_with_a_401_and_no_redirect(
    plane: ControlPlane, path: str, kind: str
) -> None:
    owner = plane.claim_owner()
    cookie = plane.cookie(owner.session_token)
    if kind == "dead":
        plane.post(f"{AUTH}/logout", token=owner.session_token)
    answer = plane.get(path, cookie=cookie if kind == "dead" else cookie[:-1])
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_credentials")
    assert "location" not in answer.headers
    value, attributes = set_cookie(answer)
    assert (value, attributes["Max-Age"], attributes["Path"]) == ("", "0", "/")


def test_a_cookie_that_is_no_good_keeps_nobody_from_the_routes_for_anyone(plane: ControlPlane) -> None:
    assert plane.get(f"{AUTH}/status", cookie="v1.k1.xxxx").json()["authenticated"] is False


def test_a_bearer_token_goes_before_a_cookie_that_is_no_good(plane: ControlPlane) -> None:
    owner = plane.claim_owner()
    assert plane.get(f"{AUTH}/sessions", token=owner.session_token, cookie="v1.k1.xxxx").status_code == 200


FOREIGN: list[dict[str, Any]] = [
    {},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "none"},
    {"sec-fetch-site": "cross-site", "origin": "http://internal"},
    {"origin": "http://evil.example"},
    {"origin": "https://internal"},
    {"origin": "http://internal:8081"},
    {"origin": "null"},
    {"referer": "http://internal/"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_a_mutation_by_cookie_without_proof_of_its_origin_changes_nothing(
    plane: ControlPlane, headers: dict[str, str]
) -> None:
    owner = plane.claim_owner()
    cookie = plane.cookie(owner.session_token)
    for method, path in (("POST", f"{AUTH}/logout"), ("DELETE", f"{AUTH}/sessions/{owner.operator_session_id}")):
        answer = plane.call(method, path, cookie=cookie, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "cross_origin_request")
        assert "set-cookie" not in answer.headers
    assert is_live(plane, owner)


@pytest.mark.parametrize("headers", [SAME_ORIGIN, {"origin": "http://internal"}], ids=str)
def test_a_mutation_by_cookie_from_our_own_origin_is_done(plane: ControlPlane, headers: dict[str, str]) -> None:
    owner = plane.claim_owner()
    answer = plane.post(f"{AUTH}/logout", cookie=plane.cookie(owner.session_token), headers=headers)
    assert answer.json()["outcome"] == "revoked"
    assert set_cookie(answer)[1]["Max-Age"] == "0"
    assert not is_live(plane, owner)


def test_a_mutation_by_bearer_needs_no_proof_of_its_origin(plane: ControlPlane) -> None:
    owner = plane.claim_owner()
    answer = plane.post(f"{AUTH}/logout", token=owner.session_token, headers={"sec-fetch-site": "cross-site"})
    assert answer.json()["outcome"] == "revoked"
    assert "set-cookie" not in answer.headers


def test_revoking_another_session_by_cookie_keeps_the_cookie_and_revoking_its_own_clears_it(
    plane: ControlPlane,
) -> None:
    here, elsewhere = plane.claim_owner(), plane.claim_owner()
    cookie = plane.cookie(here.session_token)
    kept = plane.delete(f"{AUTH}/sessions/{elsewhere.operator_session_id}", cookie=cookie, headers=SAME_ORIGIN)
    assert "set-cookie" not in kept.headers
    cleared = plane.delete(f"{AUTH}/sessions/{here.operator_session_id}", cookie=cookie, headers=SAME_ORIGIN)
    assert set_cookie(cleared)[1]["Max-Age"] == "0"


def test_behind_a_trusted_proxy_that_speaks_tls_the_cookie_is_secure(world: World, keys: GatewayKeys) -> None:
    with open_control_plane(world, gateway_keys=keys, trusted_proxies=("192.0.2.0/24",)) as plane:
        cookie = plane.cookie(plane.claim_owner().session_token)
        over_tls = {"x-forwarded-proto": "https", "x-forwarded-for": "198.51.100.9"}
        secure = plane.get("/v1/auth/session", cookie=cookie, headers=over_tls)
        plain = plane.get("/v1/auth/session", cookie=cookie, headers=over_tls | {"x-forwarded-proto": "http"})
        assert "Secure" in set_cookie(secure)[1]
        assert "Secure" not in set_cookie(plain)[1]


def test_behind_such_a_proxy_the_origin_is_https(world: World, keys: GatewayKeys) -> None:
    with open_control_plane(world, gateway_keys=keys, trusted_proxies=("192.0.2.0/24",)) as plane:
        cookie = plane.cookie(plane.claim_owner().session_token)
        over_tls = {"x-forwarded-proto": "https", "x-forwarded-for": "198.51.100.9"}
        answers = [
            plane.post(f"{AUTH}/logout", cookie=cookie, headers=over_tls | {"origin": f"{scheme}://internal"})
            for scheme in ("http", "https")
        ]
        assert [answer.status_code for answer in answers] == [403, 200]


def test_the_cookie_is_opaque(plane: ControlPlane) -> None:
    owner = plane.claim_owner()
    value = plane.cookie(owner.session_token)
    assert re.fullmatch(r"v1\.k1\.[A-Za-z0-9_-]+", value)
    assert owner.session_token not in value
    assert value != plane.cookie(owner.session_token)
