"""Budgets of an address (SPEC §3.6): pure arithmetic over counts that were read.

A budget limits the use of all networks together and of each network alone. It keeps a part for known networks, so that
strangers can neither spend the owner's part nor lock the owner out.
"""

from dataclasses import dataclass

from shared.kernel.faults import ConfigurationError

ATTEMPTS_PER_CHALLENGE = 5


@dataclass(frozen=True, slots=True)
class Usage:
    """The units of a budget that are used now: by all networks together, and by the asking one."""

    total: int
    own: int


@dataclass(frozen=True, slots=True)
class Budget:
    """`total` units, at most `per_network` for one network; `kept_for_known` of the total are for known networks."""

    total: int
    per_network: int
    kept_for_known: int

    def allows(self, used: Usage, *, known: bool, need: int = 1) -> bool:
        """Whether `need` more units fit. An unknown network may not use the part that is kept for known ones."""
        return used.total + need <= self._limit(known=known) and used.own + need <= self.per_network

    def allows_fairly(self, used: Usage, *, known: bool, need: int = 1) -> bool:
        """Whether `allows` holds and an unknown network stays within its fair share, which shrinks as others use more.

        Its first units fit while any are left; its last ones fit only while no other network has used any. So a few
        networks cannot use up the units that another one needs for a first login
        (docs/decisions/0006-guess-budget.md).
        """
        return self.allows(used, known=known, need=need) and (known or used.own == 0 or self._is_fair(used, need))

    def _limit(self, *, known: bool) -> int:
        return self.total if known else self.total - self.kept_for_known

    def _is_fair(self, used: Usage, need: int) -> bool:
        """Whether the use is under a straight line: from any total without own use, to a full own share alone."""
        limit, steps = self._limit(known=False), self.per_network - need
        return (used.total + need) * steps <= limit * steps - max(0, limit - self.per_network) * used.own


MAILS_OF_A_CODE = Budget(total=3, per_network=2, kept_for_known=1)
"""A code is mailed once and repeated once, for the network that asks first; a known network gets one more repeat."""


@dataclass(frozen=True, slots=True)
class Budgets:
    """The four budgets of SPEC §3.6; their defaults are its table."""

    mails_an_hour: Budget = Budget(total=10, per_network=3, kept_for_known=2)
    mails_a_day: Budget = Budget(total=28, per_network=6, kept_for_known=4)
    live_challenges: Budget = Budget(total=20, per_network=2, kept_for_known=4)
    wrong_codes: Budget = Budget(total=100, per_network=20, kept_for_known=20)

    def __post_init__(self) -> None:
        """Raises `ConfigurationError` with every problem: impossible numbers, and reservations above a budget."""
        problems = [*self._impossible_budgets(), *self._reservations_exceeded()]
        if problems:
            raise ConfigurationError(problems)

    def _impossible_budgets(self) -> list[str]:
        budgets = {
            "mails an hour": self.mails_an_hour,
            "mails a day": self.mails_a_day,
            "live challenges": self.live_challenges,
            "wrong codes": self.wrong_codes,
        }
        return [
            f"budget of {name}: needs 0 <= kept for known networks < total and 1 <= one network <= total"
            for name, budget in budgets.items()
            if not (0 <= budget.kept_for_known < budget.total and 1 <= budget.per_network <= budget.total)
        ]

    def _reservations_exceeded(self) -> list[str]:
        """Each live challenge reserves five attempts, so five times the challenges must fit the wrong codes."""
        places, wrong = self.live_challenges, self.wrong_codes
        pairs = {
            "total": (places.total, wrong.total),
            "one network": (places.per_network, wrong.per_network),
            "kept for known networks": (places.kept_for_known, wrong.kept_for_known),
        }
        return [
            f"budget of wrong codes ({name}): {attempts} is less than the {challenges * ATTEMPTS_PER_CHALLENGE} "
            f"attempts that {challenges} live challenges reserve"
            for name, (challenges, attempts) in pairs.items()
            if challenges * ATTEMPTS_PER_CHALLENGE > attempts
        ]
