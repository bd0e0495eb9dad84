"""The common part of the tests' mail server and mail service: they note each letter, and fail as they are told."""

import threading
import time
from dataclasses import dataclass, field
from enum import Enum, auto


class Fault(Enum):
    """The far side's behaviour for the letters to an address."""

    REFUSE = auto()
    DEFER = auto()
    STALL = auto()
    DROP = auto()
    """Ends the connection in the middle."""


@dataclass(frozen=True, slots=True)
class Received:
    """A letter that the far side took responsibility for. `key` is the same whenever the letter comes again."""

    email: str
    code: str
    locale: str
    key: str
    received_at: float = field(default_factory=time.monotonic, compare=False)


class MailPeer:
    """Faults by address; of `first` ones only the first letter meets them. Thread-safe enough: one writer each."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.tries: list[str] = []
        """The address of each letter that was tried, whatever became of it."""
        self.connections = 0
        self.general_fault: Fault | None = None
        """The behaviour that every letter meets."""
        self.released = threading.Event()
        """Ends every stall."""
        self._faults: dict[str, Fault] = {}
        self._first_faults: dict[str, Fault] = {}

    def fail(self, email: str, fault: Fault) -> None:
        """Every letter to the address meets `fault`, until `mend`."""
        self._faults[email] = fault

    def fail_first(self, email: str, fault: Fault) -> None:
        """The next letter to the address meets `fault`, as with greylisting."""
        self._first_faults[email] = fault

    def mend(self, email: str) -> None:
        self._faults.pop(email, None)

    def fault_for(self, email: str) -> Fault | None:
        """Called once per try."""
        self.tries.append(email)
        return self._first_faults.pop(email, None) or self._faults.get(email) or self.general_fault
