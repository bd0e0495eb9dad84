"""Each test of the audit trail begins with an empty one."""

import pytest

from tests.support.audit_trail import empty_trail
from tests.support.world import World


@pytest.fixture(autouse=True)
def trail(world: World) -> None:
    """Empty, its chain at the genesis."""
    empty_trail(world)
