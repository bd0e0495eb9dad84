"""The people who log in: new ones, or the same ones again and again."""

from collections import deque
from collections.abc import Iterator
from itertools import count
from typing import Protocol


class People(Protocol):
    """Addresses for logins."""

    are_new: bool

    def next(self) -> str | None:
        """An address without a login on its way; None when all are busy."""
        ...

    def give_back(self, email: str) -> None:
        """Its login has ended."""
        ...


class NewPeople:
    """Never the same address twice."""

    are_new = True

    def __init__(self, prefix: str) -> None:
        self.known: list[str] = []
        self._addresses: Iterator[str] = (f"{prefix}{number}@example.com" for number in count())

    def next(self) -> str:
        return next(self._addresses)

    def give_back(self, email: str) -> None:
        self.known.append(email)


class ReturningPeople:
    """Users that exist, in turn; nobody logs in twice at once."""

    are_new = False

    def __init__(self, emails: list[str]) -> None:
        self._idle = deque(emails)

    def next(self) -> str | None:
        return self._idle.popleft() if self._idle else None

    def give_back(self, email: str) -> None:
        self._idle.append(email)
