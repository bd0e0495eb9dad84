"""How fast mails go to a far side that answers nonsense; in virtual time."""

from collections.abc import Callable
from uuid import UUID

import pytest
import trio
from trio.testing import MockClock

from services.public_auth.mail.pace import MAILS_BEFORE_PAUSE, PAUSE, Pace
from services.public_auth.mail.transport import MALFORMED_ANSWER, Delivered, DeliveryOutcome, Suppressed, Undelivered

MALFORMED = Undelivered(MALFORMED_ANSWER)
FREE = 20


def slowed() -> Pace:
    pace = Pace()
    for number in range(MAILS_BEFORE_PAUSE):
        assert pace.room(FREE, number) == FREE
        pace.note(UUID(int=number), MALFORMED)
    return pace


async def test_after_some_mails_one_goes_at_a_time_and_ever_more_slowly(autojump_clock: MockClock) -> None:
    pace, started, tries = slowed(), trio.current_time(), list[float]()
    assert pace.room(FREE, 0) == 0
    while trio.current_time() < started + 600:
        await trio.sleep(0.25)
        assert pace.room(FREE, 1) == 0
        if pace.room(FREE, 0):
            assert pace.room(FREE, 0) == 1
            tries.append(trio.current_time() - started)
            pace.note(UUID(int=len(tries) + 100), MALFORMED)
    gaps = [after - before for before, after in zip([0.0, *tries], tries, strict=False)]
    assert gaps[:5] == pytest.approx([2, 4, 8, 16, 32], abs=0.3)
    assert gaps[5:] == pytest.approx([PAUSE.cap.seconds] * len(gaps[5:]), abs=0.3)
    assert len(tries) <= 14  # in ten minutes, where it was one a mail and a second


@pytest.mark.parametrize("outcome", [Delivered(), Suppressed(), Undelivered("status_422", permanent=True)])
async def test_an_answer_within_the_contract_ends_the_pause(
    autojump_clock: MockClock, outcome: DeliveryOutcome
) -> None:
    pace = slowed()
    pace.note(UUID(int=9), outcome)
    assert pace.room(FREE, 0) == FREE
    pace.note(UUID(int=10), MALFORMED)
    assert pace.room(FREE, 0) == FREE


@pytest.mark.parametrize("outcome", [Undelivered("timeout"), Undelivered("status_503")])
async def test_no_answer_says_nothing_of_the_contract(autojump_clock: MockClock, outcome: DeliveryOutcome) -> None:
    pace = slowed()
    pace.note(UUID(int=9), outcome)
    assert pace.room(FREE, 0) == 0


async def test_one_address_that_the_far_side_trips_over_slows_nobody_down(autojump_clock: MockClock) -> None:
    pace = Pace()
    for _ in range(50):
        pace.note(UUID(int=1), MALFORMED)
    assert pace.room(FREE, 3) == FREE


async def test_it_is_said_loudly_and_once(autojump_clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
    pace = slowed()
    for number in range(20):
        pace.note(UUID(int=number), MALFORMED)
    levels: Callable[[], list[str]] = lambda: [record.levelname for record in caplog.records]  # noqa: E731
    assert levels() == ["ERROR", "ERROR"]
    caplog.set_level("INFO")
    pace.note(UUID(int=1), Delivered())
    assert levels() == ["ERROR", "ERROR", "INFO"]
