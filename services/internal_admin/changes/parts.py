"""Store: the unit of work of a mutation that may be too large for one transaction."""

from collections.abc import Awaitable
from typing import Protocol, TypeVar

import asyncpg

from services.internal_admin.callers.mutation import Done, Part

OutcomeT_co = TypeVar("OutcomeT_co", covariant=True)


class InParts(Protocol[OutcomeT_co]):
    """Run again with what it did, until its outcome is no `Part` any more."""

    def __call__(self, connection: asyncpg.Connection, /, *, done: Done) -> Awaitable[OutcomeT_co | Part]: ...
