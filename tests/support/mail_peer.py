"""The common part of the tests' mail server and mail service. They note each letter, and fail on request."""

import threading
import time
from dataclasses import dataclass, field
from enum import Enum, auto


class Fault(Enum):
    """The far side's fault for the letters to an address."""

    REFUSE = auto()
    DEFER = auto()
    STALL = auto()
    DROP = auto()
    """Ends the connection in the middle of a letter."""


@dataclass(frozen=True, slots=True)
class Received:
    """A letter that the far side accepted. `key` stays the same when the letter comes again."""

    email: str
    code: str
    locale: str
    key: str
    received_at: float = field(default_factory=time.monotonic, compare=False)


class MailPeer:
    """Faults by address. A fault in `first` meets only the first letter. Threads are safe, because each field has one
    writer.
    """

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.tries: list[str] = []
        """The address of every letter that was tried, delivered or not."""
        self.connections = 0
        self.general_fault: Fault | None = None
        """A fault that every letter meets."""
        self.released = threading.Event()
        """Ends every stall."""
        self._faults: dict[str, Fault] = {}
        self._first_faults: dict[str, Fault] = {}

    def fail(self, email: str, fault: Fault) -> None:
        """Makes every letter to the address meet `fault`, until `mend`."""
        self._faults[email] = fault

    def fail_first(self, email: str, fault: Fault) -> None:
        """Makes the next letter to the address meet `fault`, as with greylisting."""
        self._first_faults[email] = fault

    def mend(self, email: str) -> None:
        self._faults.pop(email, None)

    def fault_for(self, email: str) -> Fault | None:
        """The fault that this try meets. Call it once for each try."""
        self.tries.append(email)
        return self._first_faults.pop(email, None) or self._faults.get(email) or self.general_fault
