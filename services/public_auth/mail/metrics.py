"""Metrics of the mail queue through the OpenTelemetry API, which does nothing until telemetry is set up.

They hold words and numbers, never an address.
"""

from datetime import timedelta

from opentelemetry import metrics

from services.public_auth.store.deliveries import QueueState, Settlement
from services.public_auth.store.letters import LetterSettlement
from shared.telemetry.instruments import Counter, module_histogram

_METER = metrics.get_meter("authsession")

_MAILS = Counter(_METER, "authsession.mails", "Login mails, by outcome and reason.", "outcome", "reason")
_LETTERS = Counter(
    _METER, "authsession.letters", "Letters without a login code, by kind and outcome.", "kind", "outcome", "reason"
)
_DURATION = module_histogram(
    "authsession.mail.duration",
    "Time from the claim of a mail to the end of the attempt to send it.",
    (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
_DEPTH = _METER.create_gauge(
    "authsession.mail.queue.depth", unit="{mail}", description="Login mails that wait or are being sent."
)
_AGE = _METER.create_gauge(
    "authsession.mail.queue.age", unit="s", description="Age of the oldest login mail in the queue."
)
_CONNECTION = _METER.create_gauge(
    "authsession.mail.connection.usable",
    description="1: the default mail connection is usable. 0: mails wait for one. Only in the mode `connection`.",
)


def count_settled(settlement: Settlement) -> None:
    """Counts one try: `sent`, `suppressed`, `failed`, `abandoned`, or `retried` if another try will follow."""
    outcome = "retried" if settlement.state == "queued" else settlement.state
    _MAILS.add(outcome, settlement.reason or "none")


def count_letter(settlement: LetterSettlement) -> None:
    """Counts one try of a letter without a code, with the outcomes of `count_settled`."""
    outcome = "retried" if settlement.state == "queued" else settlement.state
    _LETTERS.add(settlement.letter.kind, outcome, settlement.reason or "none")


def count_abandoned(mails: int) -> None:
    """Counts mails whose code ended while they waited."""
    _MAILS.add("abandoned", "code_ended", times=mails)


def record_try(seconds: float) -> None:
    """Records how long one mail was on its way."""
    _DURATION.record(seconds)


def show_queue(state: QueueState) -> None:
    """Shows the present state of the one queue of all couriers."""
    _DEPTH.set(state.depth)
    _AGE.set(state.oldest_age / timedelta(seconds=1))


def show_connection(*, is_usable: bool) -> None:
    """Shows whether mails can leave by the default mail connection."""
    _CONNECTION.set(int(is_usable))
