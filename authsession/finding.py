"""What `authsession doctor` found, as one line of its answer."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """`cure` says what to do unless all is well."""

    level: Literal["ok", "warn", "fail"]
    what: str
    cure: str = ""

    def __str__(self) -> str:
        return f"{self.level:<4}  {self.what}" + (f": {self.cure}" if self.cure else "")
