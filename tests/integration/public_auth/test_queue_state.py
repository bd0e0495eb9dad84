"""The metrics of the mail queue (SPEC §7.2)."""

from datetime import timedelta

from services.public_auth.store.deliveries import (
    QueueState,
    read_queue_state,
)
from tests.support.builders import email_address
from tests.support.post import FakeTransport, Post
from tests.support.public_flow import PublicFlow


def test_the_queue_is_as_deep_as_its_unfinished_mails_and_as_old_as_the_oldest(post: Post, flow: PublicFlow) -> None:
    def look() -> QueueState:
        return post.world.call(post.world.public.unit_of_work, read_queue_state)

    assert look() == QueueState(0, timedelta(0))
    flow.send(email_address())
    post.world.travel(timedelta(minutes=1))
    flow.send(email_address())

    state = look()
    assert state.depth == 2
    assert timedelta(minutes=1) <= state.oldest_age < timedelta(minutes=2)
    post.step(FakeTransport())
    assert look().depth == 0
