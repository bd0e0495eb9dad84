"""One line of the answer of `authsession doctor`."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """`what` was found, and the `cure`; the cure is empty if all is well or if `what` already names it.

    A `hint` is no fault: it says what is missing for a feature that this installation may not use.
    """

    level: Literal["ok", "hint", "warn", "fail"]
    what: str
    cure: str = ""

    def __str__(self) -> str:
        return f"{self.level:<4}  {self.what}" + (f": {self.cure}" if self.cure else "")
