"""Metrics of the projection, through the OpenTelemetry API. They do nothing until telemetry is set up."""

from typing import get_args

from opentelemetry import metrics

from shared.projection.epoch import Reason
from shared.telemetry.instruments import module_histogram

_METER = metrics.get_meter("authsession")

PUBLISH_DURATION = module_histogram(
    "authsession.projection.publish.duration",
    "Time from the commit to the readable gateway record.",
    (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2),
)
EPOCHS = _METER.create_counter("authsession.projection.epochs", description="Epochs begun, by reason.")
REBUILT = _METER.create_counter(
    "authsession.projection.rebuilt", unit="{record}", description="Gateway records written by rebuilds."
)
CONFLICTS = _METER.create_counter(
    "authsession.projection.conflicts",
    unit="{session}",
    description="Sessions found active in Postgres and revoked in Redis.",
)
STRAYS = _METER.create_counter(
    "authsession.projection.strays",
    unit="{record}",
    description="Active gateway records without a session, found and revoked.",
)
CORRECTIONS = _METER.create_counter(
    "authsession.projection.corrections",
    unit="{session}",
    description="Gateway records and stream entries that no session explained, corrected, by kind of error.",
)
CHECK_AGE = _METER.create_gauge(
    "authsession.projection.check.age",
    unit="s",
    description="Time since the last comparison of all gateway records ended.",
)
STREAM_LAG = _METER.create_gauge(
    "authsession.projection.stream.lag",
    unit="s",
    description="How far the guard of the projection is behind the stream of session events.",
)
OUTBOX_DEPTH = _METER.create_gauge(
    "authsession.projection.outbox.depth",
    unit="{change}",
    description="Changes of sessions that wait to be published to Redis.",
)
OUTBOX_AGE = _METER.create_gauge(
    "authsession.projection.outbox.age",
    unit="s",
    description="Age of the oldest change that waits to be published to Redis.",
)


CORRECTED = ("stale_active", "stray", "different", "malformed", "missing", "wrong_life", "last_id")
"""Kinds of corrections: those of `verify.DriftKind`, and `last_id`, a stream whose last id was taken."""


def show_that_nothing_was_lost() -> None:
    """Set all counts to zero at the start, so that the first finding shows as an increase."""
    CONFLICTS.add(0)
    STRAYS.add(0)
    for kind in CORRECTED:
        CORRECTIONS.add(0, {"kind": kind})
    for reason in get_args(Reason):
        EPOCHS.add(0, {"reason": reason})
