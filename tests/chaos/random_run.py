"""One run: visitors, faults, a gateway that follows the stream, and the judgement afterwards."""

import os
import secrets
import time
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random

from authsession import projection
from tests.chaos.follower import Follower
from tests.chaos.verdict import Promises, Violation, judge, read_evidence
from tests.chaos.visitors import Visitors
from tests.chaos.weather import FAULTS, Weather, open_weather
from tests.support.stack import wait_for

COURIER_LEASE = timedelta(seconds=61)
"""The shortest time that a courier's claim holds."""
SETTLING = 60.0
"""Seconds within which everything must be published and mailed. It takes a second or two."""


def chosen_seed() -> int:
    """The run's seed. CHAOS_SEED repeats a run, as far as the machine's timing allows."""
    return int(os.environ.get("CHAOS_SEED") or secrets.randbits(32))


@dataclass(slots=True)
class Injected:
    """A fault that was injected. Instants are of `time.monotonic`. `healed` is the seconds from its end until it had
    healed.
    """

    fault: str
    began_at: float
    healed: float = 0.0


@dataclass(slots=True)
class Run:
    weather: Weather
    visitors: Visitors
    follower: Follower
    injected: list[Injected] = field(default_factory=list)

    def inject(self, fault: str, chance: Random) -> None:
        """Injects the fault, and returns when a request of each kind was acknowledged after it."""
        injected = Injected(fault, time.monotonic())
        self.injected.append(injected)
        FAULTS[fault](self.weather, chance)
        injected.healed = self.visitors.heal(since=time.monotonic())

    def settle(self) -> None:
        """Waits until nothing is left to publish or to mail. The mails of a killed courier come after its lease."""
        self._wait_for_no("projection_outbox")
        self.weather.stack.travel(COURIER_LEASE)
        self._wait_for_no("mail_deliveries where state = 'queued'")
        wait_for(lambda: find_drift(self.weather) == 0, SETTLING)

    def _wait_for_no(self, rows: str) -> None:
        wait_for(lambda: self.weather.stack.database.execute(f"select from {rows} limit 1") == [], SETTLING)

    def judge(self) -> list[Violation]:
        """Every broken promise, judged after the visitors have left and everything has settled."""
        weather = self.weather
        evidence = read_evidence(weather.stack.database, weather.redis.port, self.follower, weather.mail)
        return judge(Promises.of(self.visitors, weather.losses), evidence)

    def table(self, violations: Sequence[Violation]) -> list[str]:
        """A Markdown table by fault. An acknowledgement before the fault had healed counts as during it."""
        lines = ["| fault | times | acknowledged | lost | doubled | else wrong | healed, at most |", f"|{' --- |' * 7}"]
        for fault in sorted({each.fault for each in self.injected}):
            spans = [each for each in self.injected if each.fault == fault]
            said = sum(self._during(x.at, fault) for x in self.visitors.said)
            broken = Counter(x.kind for x in violations if x.at is not None and self._during(x.at, fault))
            lost, doubled = broken.pop("lost", 0), broken.pop("doubled", 0)
            healed = max(each.healed for each in spans)
            lines.append(
                f"| {fault} | {len(spans)} | {said} | {lost} | {doubled} | {broken.total()} | {healed:.1f} s |"
            )
        return [*lines, f"{len(self.visitors.said)} requests acknowledged in all, {len(violations)} promises broken"]

    def _during(self, at: float, fault: str) -> bool:
        """Whether this fault was the last that had begun by then."""
        begun = [each for each in self.injected if each.began_at <= at]
        return bool(begun) and begun[-1].fault == fault


@contextmanager
def a_run(seed: int) -> Generator[Run]:
    """A run: visitors come and go, and a gateway follows the stream."""
    with open_weather() as weather:
        follower = Follower(weather.redis.port)
        with follower.following():
            run = Run(weather, Visitors(weather.stack.ports, weather.mail, seed), follower)
            run.visitors.start()
            try:
                yield run
            finally:
                run.visitors.stop()


def find_drift(weather: Weather) -> int:
    """The exit status of `authsession projection verify`: 0, or 1 for a drift."""
    environment = weather.stack.environment["internal"] | {"AUTHSESSION_POSTGRES_DSN": weather.stack.database.owner_dsn}
    return projection.run("verify", environment, Path(weather.redis.folder))
