"""The control plane with an operator, and rows of the trail."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.control_plane import ControlPlane, open_control_plane
from tests.support.settings import DEFAULTS
from tests.support.world import World

Rows = Callable[[], list[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def plane(world: World) -> Iterator[ControlPlane]:
    with open_control_plane(world) as opened:
        yield opened


@pytest.fixture(scope="module")
def operator(plane: ControlPlane) -> str:
    """The session token of an operator."""
    return plane.claim_owner().session_token


@pytest.fixture
def rows(world: World) -> Rows:
    """Event, outcome, caller and subject of the rows since the test began."""
    (last,) = world.database.execute("select coalesce(max(audit_id), 0) from audit_events")[0]

    def read() -> list[tuple[Any, ...]]:
        found = world.database.execute(
            "select event, outcome, caller, subject from audit_events"
            " where audit_id > $1 and event like '%node%' or audit_id > $1 and event like '%join%' order by audit_id",
            last,
        )
        return [tuple(row) for row in found]

    return read


@pytest.fixture(autouse=True)
def _defaults(world: World) -> None:
    world.database.execute(DEFAULTS)
