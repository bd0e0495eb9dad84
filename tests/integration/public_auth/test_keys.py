"""A change of keys leaves codes readable, and networks from which an address confirmed (SPEC §10.9)."""

from datetime import timedelta

import pytest

from services.public_auth.domain.network_tag import network_tags
from services.public_auth.store.confirm_challenge import SessionMade
from shared.io import queries
from shared.kernel.keyring import KeyRing
from shared.kernel.network import Network
from tests.support.builders import email_address
from tests.support.public_flow import HOME, PublicFlow
from tests.support.world import World

OLD = "codes:" + "Y29kZXMt" * 8  # tests.support.public_flow writes with it
NEW = "codes2:" + "bmV3ZXIt" * 8
NEWEST = "codes3:" + "bmV3ZXN0" * 8


@pytest.mark.parametrize(
    ("ring", "is_known"),
    [(f"{OLD},{NEW}", True), (f"{NEW},{OLD}", True), (f"{NEWEST},{NEW},{OLD}", True), (NEW, False)],
    ids=["read too", "newest", "two changes ago", "taken away"],
)
def test_a_known_network_is_recognized_as_long_as_its_key_is_in_the_ring(
    world: World, ring: str, *, is_known: bool
) -> None:
    flow, email = PublicFlow(world), email_address()
    challenge_id = flow.send(email)
    assert isinstance(flow.confirm(challenge_id, flow.code(challenge_id)), SessionMade)
    tags = network_tags(KeyRing.parse("test", ring), Network(HOME))

    assert recognizes(world, email, tags.readable) is is_known


def recognizes(world: World, email: str, tags: tuple[bytes, ...]) -> bool:
    """Whether a send from a network with these tags would have the part of the budgets that is kept for known ones."""
    read = queries.load("services.public_auth.store")["read_for_issue"](
        folded=[email],
        identity=[email],
        mailbox=[email],
        network_tags=tags,
        tags_per_send=len(tags),
        new_address_mail_limit=None,
        new_address_mail_window=timedelta(hours=1),
        live_challenges_per_network=2,
        users_live_here=True,
    )
    row = world.call(world.public.unit_of_work, lambda connection: connection.fetchrow(*read))
    assert row is not None
    return row["known"]
