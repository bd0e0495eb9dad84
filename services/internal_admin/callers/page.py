"""Domain: a page of a list. The position after it is that of its last item; what a position is belongs to the list."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items of a list in its order, and whether others follow."""

    items: tuple[T, ...]
    has_more: bool


def cut_page(found: Sequence[T], limit: int | None) -> Page[T]:
    """The page of at most `limit` items from a reading that asked for one more; all of them without a limit."""
    if limit is None:
        return Page(tuple(found), has_more=False)
    return Page(tuple(found[:limit]), has_more=len(found) > limit)
