"""Knowledge is joined, whatever the order in which it is learned."""

from dataclasses import replace

from clients.gateway.local_copy import LocalCopy
from contracts.gateway import GatewayRecord
from tests.support.builders import client_public_key

ACTIVE = GatewayRecord("device-session-1", "user-1", client_public_key().base64, "active")
REVOKED = replace(ACTIVE, status="revoked", revoked_at_ms=1775121700000)


def test_of_two_reads_the_one_that_saw_the_revocation_counts_whichever_is_told_first() -> None:
    copy = LocalCopy(10)
    with copy.reading(ACTIVE.device_session_id) as earlier, copy.reading(ACTIVE.device_session_id) as later:
        assert copy.learn(later, REVOKED) == REVOKED
        assert copy.learn(earlier, ACTIVE) == REVOKED
    assert len(copy) == 1


def test_a_forgotten_revocation_is_known_up_to_the_proof_of_its_own_time() -> None:
    copy = LocalCopy(10)
    with copy.reading(ACTIVE.device_session_id) as reading:
        copy.learn(reading, ACTIVE)
    for proved_at in (5.0, 7.0):
        copy.forget(proved_at)
    known = copy.look(ACTIVE.device_session_id)
    assert known is not None
    assert known.missed_since == 5.0


def test_an_entry_that_contradicts_what_is_held_makes_it_read_again() -> None:
    """Another key in a forged record, and then the true one: the order tells which of both is believed."""
    copy, forged = LocalCopy(10), replace(ACTIVE, client_public_key=client_public_key().base64)
    with copy.reading(ACTIVE.device_session_id) as reading:
        copy.learn(reading, forged)
    copy.hear(ACTIVE)
    assert copy.look(ACTIVE.device_session_id) is None
    with copy.reading(ACTIVE.device_session_id) as reading:
        copy.hear(ACTIVE)
        assert copy.learn(reading, forged) is None
        assert copy.learn(reading, ACTIVE) == ACTIVE


def test_an_entry_that_says_the_same_is_no_reason_to_read_again() -> None:
    copy = LocalCopy(10)
    with copy.reading(ACTIVE.device_session_id) as reading:
        copy.hear(ACTIVE)
        assert copy.learn(reading, ACTIVE) == ACTIVE
    copy.hear(ACTIVE)
    assert copy.look(ACTIVE.device_session_id) is not None
