"""Laws of `time_zone` (SPEC §2.1: IANA)."""

from importlib.resources import files
from zoneinfo import ZoneInfo

import pytest

from shared.kernel.time_zone import is_time_zone


@pytest.mark.parametrize(
    "name", ["UTC", "Europe/Berlin", "America/Argentina/Ushuaia", "Asia/Kolkata", "US/Pacific", "Etc/GMT+12"]
)
def test_zones_and_links_of_the_database_are_time_zones(name: str) -> None:
    assert is_time_zone(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "europe/berlin",
        "Europe/",
        "Europe",
        "Mars/Olympus",
        "../UTC",
        "/etc/localtime",
        "localtime",
        "posix/UTC",
        "+01:00",
    ],
)
def test_nothing_else_is(name: str) -> None:
    assert not is_time_zone(name)


def test_every_zone_can_be_computed_with() -> None:
    names = files("tzdata").joinpath("zones").read_text(encoding="utf-8").split()
    assert len(names) > 500
    for name in names:
        assert is_time_zone(name)
        assert ZoneInfo(name).key == name
