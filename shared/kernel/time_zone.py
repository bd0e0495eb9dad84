"""Kernel: which names are IANA time zones. Asks the `tzdata` package, not the machine, so that replicas agree."""

from functools import cache
from importlib.resources import files


def is_time_zone(name: str) -> bool:
    """Whether `name` is a zone or link of the IANA database, spelled as there."""
    return name in _zones()


@cache
def _zones() -> frozenset[str]:
    return frozenset(files("tzdata").joinpath("zones").read_text(encoding="utf-8").split())
