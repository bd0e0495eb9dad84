"""Laws of a budget per e-mail (SPEC §3.6). Pure."""

from dataclasses import replace

import pytest

from services.public_auth.domain.budget import ATTEMPTS_PER_CHALLENGE, Budget, Budgets, Usage
from shared.kernel.faults import ConfigurationError

BUDGET = Budget(total=8, per_network=3, kept_for_known=2)


def test_the_defaults_are_the_table_of_spec_3_6() -> None:
    assert Budgets() == Budgets(
        mails_an_hour=Budget(10, 3, 2),
        mails_a_day=Budget(28, 6, 4),
        live_challenges=Budget(20, 2, 4),
        wrong_codes=Budget(100, 20, 20),
    )
    assert ATTEMPTS_PER_CHALLENGE == 5


@pytest.mark.parametrize(
    ("total", "own", "known", "allowed"),
    [
        (0, 0, False, True),
        (5, 0, False, True),
        (6, 0, False, False),  # the last two are kept
        (6, 0, True, True),
        (7, 2, True, True),
        (8, 0, True, False),  # the total binds known networks too
        (3, 3, False, False),  # one network's share
        (3, 3, True, False),
        (9, 0, True, False),  # overdrawn, after a budget was lowered
    ],
)
def test_a_unit_fits_below_the_total_one_networks_share_and_what_is_kept(
    total: int, own: int, *, known: bool, allowed: bool
) -> None:
    assert BUDGET.allows(Usage(total, own), known=known) is allowed


@pytest.mark.parametrize(("used", "allowed"), [(Usage(75, 15), True), (Usage(76, 15), False), (Usage(75, 16), False)])
def test_a_need_of_several_units_fits_whole_or_not_at_all(used: Usage, *, allowed: bool) -> None:
    assert Budgets().wrong_codes.allows(used, known=False, need=5) is allowed


@pytest.mark.parametrize("budget", [Budgets().mails_an_hour, Budgets().mails_a_day, Budgets().wrong_codes])
def test_strangers_at_their_limit_leave_a_known_network_what_is_kept(budget: Budget) -> None:
    strangers = 0
    while budget.allows(Usage(strangers, 0), known=False):
        strangers += 1
    own = 0
    while budget.allows(Usage(strangers + own, own), known=True):
        own += 1

    assert strangers == budget.total - budget.kept_for_known
    assert own == min(budget.kept_for_known, budget.per_network)


@pytest.mark.parametrize(
    ("total", "own", "allowed"),
    [
        (5, 0, True),  # the first fits as long as any do
        (6, 0, False),
        (3, 1, True),
        (4, 1, False),  # the second up to half the way down to the share
        (2, 2, True),
        (3, 2, False),  # the third while nobody else used any
        (3, 3, False),
    ],
)
def test_the_share_of_an_unknown_network_shrinks_as_others_use_the_budget(
    total: int, own: int, *, allowed: bool
) -> None:
    assert BUDGET.allows_fairly(Usage(total, own), known=False) is allowed
    assert BUDGET.allows_fairly(Usage(total, own), known=True) is (own < 3)


def test_a_share_as_large_as_the_budget_does_not_shrink() -> None:
    budget = Budget(10, 10, 4)
    assert budget.allows_fairly(Usage(5, 5), known=False)
    assert not budget.allows_fairly(Usage(6, 5), known=False)


def most_of_hostile_networks(budget: Budget, networks: int, need: int) -> int:
    """The most that they can use together, in whatever order."""
    most, seen, waiting = 0, set[tuple[int, ...]](), [(0,) * networks]
    while waiting:
        used = waiting.pop()
        if used in seen:
            continue
        seen.add(used)
        most = max(most, sum(used))
        for index, own in enumerate(used):
            if budget.allows_fairly(Usage(sum(used), own), known=False, need=need):
                waiting.append(tuple(sorted((*used[:index], own + need, *used[index + 1 :]))))
    return most


@pytest.mark.parametrize(
    ("budget", "need"), [(Budgets().mails_an_hour, 1), (Budgets().mails_a_day, 1), (Budgets().wrong_codes, 5)]
)
def test_four_hostile_networks_leave_what_a_first_login_needs(budget: Budget, need: int) -> None:
    most = most_of_hostile_networks(budget, 4, need)
    assert budget.allows_fairly(Usage(most, 0), known=False, need=need)


def test_seven_hostile_networks_leave_a_place_on_a_code() -> None:
    assert Budgets().live_challenges.allows(Usage(7 * 2, 0), known=False)


IMPOSSIBLE = [Budget(0, 1, 0), Budget(8, 0, 2), Budget(8, 9, 2), Budget(8, 3, 8), Budget(8, 3, -1), Budget(-8, 3, 2)]


@pytest.mark.parametrize("name", ["mails_an_hour", "mails_a_day", "live_challenges", "wrong_codes"])
@pytest.mark.parametrize("impossible", IMPOSSIBLE)
def test_a_budget_that_cannot_be_kept_is_refused_at_boot(name: str, impossible: Budget) -> None:
    with pytest.raises(ConfigurationError) as refused:
        replace(Budgets(), **{name: impossible})

    assert any(name.replace("_", " ") in problem for problem in refused.value.problems)


@pytest.mark.parametrize(
    ("places", "named"),
    [
        (Budget(21, 2, 4), "total"),
        (Budget(20, 5, 4), "one network"),
        (Budget(20, 2, 5), "kept for known networks"),
    ],
)
def test_reservations_that_exceed_the_wrong_codes_are_refused_at_boot(places: Budget, named: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Budgets(live_challenges=places)

    (problem,) = refused.value.problems
    assert named in problem


@pytest.mark.parametrize("places", [Budget(20, 2, 4), Budget(12, 4, 4), Budget(12, 2, 4)])
def test_reservations_that_just_fit_are_taken(places: Budget) -> None:
    assert Budgets(live_challenges=places).live_challenges == places


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(ConfigurationError) as refused:
        Budgets(mails_an_hour=Budget(0, 0, 0), mails_a_day=Budget(0, 0, 0), live_challenges=Budget(30, 10, 10))

    assert len(refused.value.problems) == 5
