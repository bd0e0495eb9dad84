"""Held requests use at most a quarter of the open files, and the process asks for as many as they need."""

import resource

import pytest

from shared.web import holding


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The soft and the hard limit of open files; the last one holds."""
    known = [(1024, 4096)]

    def read(_: int) -> tuple[int, int]:
        return known[-1]

    def write(_: int, limit: tuple[int, int]) -> None:
        known.append(limit)

    monkeypatch.setattr(resource, "getrlimit", read)
    monkeypatch.setattr(resource, "setrlimit", write)
    return known


@pytest.mark.parametrize(("files", "held"), [(1024, 256), (8192, 2048), (16_384, 4096), (1_000_000, 4096)])
def test_a_quarter_of_the_open_files_is_for_held_requests(limits: list[tuple[int, int]], files: int, held: int) -> None:
    limits.append((files, files))
    assert holding.most_held() == held


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((1024, 4096), 4096),
        ((1024, 1_000_000), 16_384),
        ((1024, resource.RLIM_INFINITY), 16_384),
        ((20_000, 20_000), 20_000),
        ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), resource.RLIM_INFINITY),
    ],
)
def test_the_soft_limit_is_raised_as_far_as_needed_and_allowed(
    limits: list[tuple[int, int]], before: tuple[int, int], after: int
) -> None:
    limits.append(before)
    holding.allow_held()
    assert limits[-1] == (after, before[1])


def test_a_sandbox_that_refuses_more_files_stops_nothing(
    limits: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise ValueError

    monkeypatch.setattr(resource, "setrlimit", refuse)
    holding.allow_held()
    assert holding.most_held() == 256
    assert len(limits) == 1
