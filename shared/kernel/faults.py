"""Faults as exceptions. A refusal that a caller may expect is a value and none of these."""

from collections.abc import Sequence
from datetime import timedelta


class DependencyUnavailable(Exception):
    """A server that we need refused or did not answer in time. The client gets 503 and may repeat the request."""

    def __init__(
        self, name: str, retry_after: timedelta = timedelta(seconds=1), *, reason: str = "unavailable"
    ) -> None:
        """`name` is our own word for the server, such as "postgres" or "redis".

        `reason` is a class or code of the fault for operators, such as `READONLY`. Neither ever holds a driver's text.
        """
        super().__init__(f"{name} is unavailable")
        self.name = name
        self.retry_after = retry_after
        self.reason = reason


class Overloaded(Exception):
    """A limit of this process is reached, such as the memory for request bodies. The client gets 503 and may repeat."""

    def __init__(self, retry_after: timedelta = timedelta(seconds=1)) -> None:
        super().__init__("a limit of the process is reached")
        self.retry_after = retry_after


class ConfigurationError(Exception):
    """Every problem of the configuration, found at start. Each problem names its cure and holds no secret."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class AddressTaken(ConfigurationError):
    """Another program listens at the address. Unlike a wrong setting, this may pass, so a later start may succeed."""


class InvariantBroken(Exception):
    """A state that the code rules out. The client gets the constant body of status 500."""
