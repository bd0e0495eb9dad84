"""Kernel: faults, as exceptions. A refusal the caller may expect is a value, never one of these."""

from collections.abc import Sequence
from datetime import timedelta


class DependencyUnavailable(Exception):
    """A server we need did not answer in time or refused; the edge answers 503 and repeating is safe."""

    def __init__(
        self, name: str, retry_after: timedelta = timedelta(seconds=1), *, reason: str = "unavailable"
    ) -> None:
        """`name` is one of our own words ("postgres", "redis").

        `reason` is a class or code of the fault, such as `READONLY`, for operators. Neither is ever text of a driver.
        """
        super().__init__(f"{name} is unavailable")
        self.name = name
        self.retry_after = retry_after
        self.reason = reason


class ConfigurationError(Exception):
    """Boot only: everything that is wrong with the configuration, each with its cure and without secrets."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class AddressTaken(ConfigurationError):
    """Another program listens there: unlike a wrong setting, a later start may do."""


class InvariantBroken(Exception):
    """Something that cannot happen happened; the edge answers with the constant 500 body."""
