"""One page of a list. The next page begins after the last item; each list defines its own cursor."""

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
    """A page of at most `limit` items, cut from a reading of one more. Without a limit the page has all of them."""
    if limit is None:
        return Page(tuple(found), has_more=False)
    return Page(tuple(found[:limit]), has_more=len(found) > limit)
