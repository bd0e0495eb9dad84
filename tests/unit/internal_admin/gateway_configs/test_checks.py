"""Checks of gateway configurations: an error names its field, and a warning what may surprise an operator."""

from typing import Any

import pytest

from contracts.gateway_configuration import GatewayConfiguration, decode_gateway_configuration
from services.internal_admin.gateway_configs.domain import can_read, judge
from services.internal_admin.publication.domain.checks import PoolFacts, check_pools

OPEN = {"match": "* /*", "requires": "nothing"}
LOGIN = {"match": "GET /login", "requires": "nothing"}


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        ({"mode": "open"}, "draft.mode"),
        ({"mode": "fail_static"}, "draft.serve_known_for"),
        ({"freshness_window": True}, "draft.freshness_window"),
        ({"surprise": 1}, "draft.surprise"),
        ({"routes": [{"match": "/x", "requires": "session"}]}, "draft.routes.match"),
        ({"cors_origins": ["*", "https://app.example.com"]}, "draft.cors_origins"),
    ],
)
def test_a_draft_that_no_gateway_can_read_is_an_error_with_its_field(draft: dict[str, Any], field: str) -> None:
    [found] = judge(draft).checks
    assert (found.level, found.field) == ("error", field)


@pytest.mark.parametrize(
    ("draft", "fields"),
    [
        ({}, []),
        ({"mode": "fail_static", "serve_known_for": 60}, ["draft.mode"]),
        ({"freshness_window": 61}, ["draft.freshness_window"]),
        ({"routes": [LOGIN]}, []),
        ({"routes": [LOGIN, OPEN]}, ["draft.routes[1]"]),
        ({"routes": [OPEN, LOGIN]}, ["draft.routes[0]", "draft.routes[1]"]),
        ({"cors_origins": ["http://app.example.com", "http://localhost:3000"]}, ["draft.cors_origins[0]"]),
        ({"cors_origins": ["*"]}, ["draft.cors_origins[0]"]),
    ],
)
def test_a_warning_names_what_may_surprise(draft: dict[str, Any], fields: list[str]) -> None:
    assert [(found.level, found.field) for found in judge(draft).checks] == [("warning", field) for field in fields]


def test_equal_drafts_have_equal_bytes() -> None:
    spelled_out: dict[str, Any] = {"replay_window": 90, "mode": "fail_closed", "routes": []}
    document = judge({}).document
    assert document == judge(spelled_out).document
    assert decode_gateway_configuration(document) == GatewayConfiguration()
    assert can_read(document)
    assert not can_read(b'{"mode":"of a later release"}')


def test_pools_are_checked_with_what_is_known_of_them() -> None:
    known = {"edge": PoolFacts(has_active_node=False, held_by="other"), "core": PoolFacts(True, None)}
    found = check_pools(("core", "edge", "moon"), known, is_alone=True)
    assert [(each.name, each.level) for each in found] == [
        ("pool_nodes", "warning"), ("pool_taken", "warning"), ("pool_exists", "error"),
    ]  # fmt: skip
    assert [each.name for each in check_pools((), {}, is_alone=True)] == ["pools"]
