"""The public flow on the module's database, and its mail queue."""

from collections.abc import Iterator

import pytest

from tests.support.post import Post
from tests.support.public_flow import PublicFlow
from tests.support.world import World


@pytest.fixture
def flow(world: World) -> PublicFlow:
    return PublicFlow(world)


@pytest.fixture
def post(world: World) -> Iterator[Post]:
    """The world's mail queue. Mails that a test leaves in it are removed."""
    yield Post(world)
    world.database.execute(
        "update mail_deliveries set state = 'abandoned', finished_at = clock_now() where state = $1", "queued"
    )
