"""The two states of a device session, in HTTP answers and gateway records."""

from typing import Literal, TypeAlias

SessionStatus: TypeAlias = Literal["active", "revoked"]
