"""The eraser erases ended codes, and abandons mails whose code ended (SPEC §7.2)."""

from services.public_auth.mail.eraser import Eraser
from services.public_auth.mail.transport import Undelivered
from services.public_auth.store.deliveries import (
    ClaimLimits,
    claim_deliveries,
    erase_ended_codes,
)
from tests.support.builders import email_address
from tests.support.post import CODE_LIFE, Post, answering
from tests.support.public_flow import PublicFlow, contender, race


def test_mails_whose_code_ended_while_they_waited_are_abandoned_in_bulk(post: Post, flow: PublicFlow) -> None:
    """After a long outage these mails must not come before those with a usable code."""
    ended = [flow.send(email_address()) for _ in range(3)]
    assert post.step(answering(Undelivered("unreachable"))) == 3
    post.world.travel(CODE_LIFE)
    alive = flow.send(email_address())

    post.world.call(Eraser(post.world.public).step)

    assert {(post.queued(one)["state"], post.queued(one)["reason"]) for one in ended} == {("abandoned", "code_ended")}
    assert post.queued(alive)["state"] == "queued"


def test_the_eraser_abandons_no_mail_on_its_way(post: Post, flow: PublicFlow) -> None:
    challenge_id = flow.send(email_address())
    post.world.call(
        post.world.public.unit_of_work,
        claim_deliveries,
        limits=ClaimLimits(1, 1),
        lease=CODE_LIFE * 2,
    )
    post.world.travel(CODE_LIFE)

    post.world.call(Eraser(post.world.public).step)

    assert post.queued(challenge_id)["state"] == "queued"


def test_a_sealed_code_is_erased_by_success_at_once_and_by_the_eraser_when_it_expired(
    post: Post, flow: PublicFlow
) -> None:
    confirmed, expired = flow.send(email_address()), flow.send(email_address())
    flow.confirm(confirmed, flow.code(confirmed))
    post.world.travel(CODE_LIFE)
    lives = flow.send(email_address())
    assert [_is_sealed(post, one) for one in (confirmed, expired, lives)] == [False, True, True]

    _erase_all(post)

    assert [_is_sealed(post, one) for one in (confirmed, expired, lives)] == [False, False, True]


def test_erasers_side_by_side_take_bounded_batches_and_erase_everything(post: Post, flow: PublicFlow) -> None:
    post.world.travel(CODE_LIFE)
    _erase_all(post)
    challenges = [flow.send(email_address()) for _ in range(20)]
    post.world.travel(CODE_LIFE)
    erase = contender(post.world.public, erase_ended_codes, limit=5)

    erased = post.world.call(race, *[erase] * 4)
    erased.append(_erase_all(post))

    assert max(erased[:4]) <= 5
    assert sum(erased) == 20
    assert not any(_is_sealed(post, one) for one in challenges)


def _erase_all(post: Post) -> int:
    erased = 0
    while batch := post.world.call(post.world.public.unit_of_work, erase_ended_codes, limit=100):
        erased += batch
    return erased


def _is_sealed(post: Post, challenge_id: str) -> bool:
    (row,) = post.world.database.execute(
        """
        select sealed_code is not null or seal_key_id is not null as is_sealed
          from login_codes join challenges using (login_code_id) where challenge_id = $1
        """,
        challenge_id,
    )
    return row["is_sealed"]
