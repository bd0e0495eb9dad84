"""The two states of a device session, on every wire."""

from typing import Literal, TypeAlias

SessionStatus: TypeAlias = Literal["active", "revoked"]
