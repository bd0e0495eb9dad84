"""Laws of faults: what they tell, and what they keep."""

from datetime import UTC, datetime, timedelta

from shared.kernel.actor import Actor
from shared.kernel.block import Block, Subject
from shared.kernel.faults import ConfigurationError, DependencyUnavailable


def test_an_unavailable_dependency_says_when_to_repeat() -> None:
    assert DependencyUnavailable("redis").retry_after == timedelta(seconds=1)
    fault = DependencyUnavailable("postgres", timedelta(seconds=5))
    assert (fault.name, fault.retry_after, str(fault)) == ("postgres", timedelta(seconds=5), "postgres is unavailable")


def test_a_configuration_error_keeps_every_problem() -> None:
    error = ConfigurationError(["A is missing", "B is not a duration"])
    assert error.problems == ("A is missing", "B is not a duration")
    assert str(error) == "A is missing; B is not a duration"


def test_a_block_never_shows_whom_it_concerns() -> None:
    block = Block(
        Subject("email", "pilot@example.com"), "policy_blocked", Actor("admin"), datetime(2026, 1, 1, tzinfo=UTC)
    )
    assert "pilot" not in repr(block)
