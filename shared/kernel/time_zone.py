"""Names of IANA time zones. They come from the package `tzdata`, not from the machine, so that all replicas agree."""

from functools import cache
from importlib.resources import files


def is_time_zone(name: str) -> bool:
    """Whether `name` is exactly the name of a zone or link in the IANA database."""
    return name in _zones()


@cache
def _zones() -> frozenset[str]:
    return frozenset(files("tzdata").joinpath("zones").read_text(encoding="utf-8").split())
