"""Laws of hashing passwords off the event loop (SPEC §10.3). RFC 9106 has a vector for Argon2id with a secret and
associated data only, which the library does not expose: what is checked against is its own verifier."""

from dataclasses import replace

import argon2
import pytest
import trio
import trio.testing

from services.internal_admin.operators.domain.argon2id import COST, Argon2Cost, cost_of, hash_text, hash_texts, is_among
from services.internal_admin.operators.hashing import PasswordHasher
from shared.kernel.entropy import SystemEntropy
from shared.kernel.faults import DependencyUnavailable

CHEAP = Argon2Cost(memory_kibibytes=8, passes=1)
ENTROPY = SystemEntropy()


def test_a_hash_is_argon2id_in_the_phc_format_that_others_verify() -> None:
    hashed = hash_text("Grüße, 7 Zwerge", CHEAP, ENTROPY)
    assert hashed.startswith("$argon2id$v=19$m=8,t=1,p=1$")
    assert argon2.PasswordHasher().verify(hashed, "Grüße, 7 Zwerge")
    assert is_among("Grüße, 7 Zwerge", [argon2.PasswordHasher(1, 8, 1, salt_len=16).hash("Grüße, 7 Zwerge")])


def test_the_cost_is_no_less_than_owasp_asks() -> None:
    assert Argon2Cost(memory_kibibytes=19456, passes=2) == COST


def test_the_same_password_never_has_the_same_hash() -> None:
    assert hash_text("secret", CHEAP, ENTROPY) != hash_text("secret", CHEAP, ENTROPY)


def test_each_of_a_set_is_found_and_nothing_else() -> None:
    hashes = hash_texts(["one", "two", "three"], CHEAP, ENTROPY)
    assert [is_among(text, hashes) for text in ("one", "two", "three", "four", "")] == [True, True, True, False, False]


def test_a_hash_tells_what_it_cost() -> None:
    assert cost_of(hash_text("secret", CHEAP, ENTROPY)) == CHEAP


async def test_without_a_hash_nothing_is_right_not_even_what_the_dummy_was_made_of() -> None:
    hasher = PasswordHasher(ENTROPY, CHEAP)
    assert not await hasher.verify(None, "")
    assert not await hasher.is_among((), "")


async def test_a_hash_of_another_cost_still_verifies_and_is_outdated() -> None:
    hasher = PasswordHasher(ENTROPY, CHEAP)
    old = await PasswordHasher(ENTROPY, replace(CHEAP, passes=2)).hash("secret")
    assert await hasher.verify(old, "secret")
    assert hasher.is_outdated(old)
    assert not hasher.is_outdated(await hasher.hash("secret"))


async def test_only_a_few_have_their_turn_and_the_others_wait_in_order() -> None:
    hasher, order, may_end = PasswordHasher(ENTROPY, CHEAP, threads=1), list[int](), trio.Semaphore(0)

    async def take_turn(number: int) -> None:
        async with hasher.turn():
            order.append(number)
            await may_end.acquire()

    async with trio.open_nursery() as nursery:
        for number in range(5):
            nursery.start_soon(take_turn, number)
            await trio.testing.wait_all_tasks_blocked()
        for count in (2, 3, 4, 5, 5):
            assert order == list(range(count))
            may_end.release()
            await trio.testing.wait_all_tasks_blocked()


async def test_a_room_that_is_full_refuses_at_once_and_takes_again_when_it_is_not() -> None:
    hasher = PasswordHasher(ENTROPY, CHEAP, threads=1)

    async def wait_for_a_turn() -> None:
        async with hasher.turn():
            await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        for _ in range(2 + 256):
            nursery.start_soon(wait_for_a_turn)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(DependencyUnavailable, match="password_hashing"):
            async with hasher.turn():
                pass
        nursery.cancel_scope.cancel()
    async with hasher.turn():
        assert await hasher.verify(await hasher.hash("secret"), "secret")


async def test_a_request_that_waited_ten_seconds_is_refused_and_takes_no_turn(
    autojump_clock: trio.testing.MockClock,
) -> None:
    hasher = PasswordHasher(ENTROPY, CHEAP, threads=1)
    async with hasher.turn(), hasher.turn(), trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(_refused_after_ten_seconds, hasher)
    async with hasher.turn(), hasher.turn():
        assert trio.current_time() == pytest.approx(10)


async def _refused_after_ten_seconds(hasher: PasswordHasher) -> None:
    with pytest.raises(DependencyUnavailable, match="password_hashing"):
        async with hasher.turn():
            pass


async def test_hashing_leaves_the_event_loop_free() -> None:
    """Somebody else's task goes on while a hash is computed; counted, not timed."""
    hasher, steps = PasswordHasher(ENTROPY, Argon2Cost(memory_kibibytes=19456, passes=2)), 0
    async with trio.open_nursery() as nursery:

        async def step() -> None:
            nonlocal steps
            while True:
                steps += 1
                await trio.sleep(0.001)

        nursery.start_soon(step)
        await hasher.hash("secret")
        nursery.cancel_scope.cancel()
    assert steps > 3
