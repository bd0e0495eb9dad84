"""Logs hold no secret, whatever is logged; metrics count answers by route."""

import io
import json
import logging
import subprocess
import sys
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import pytest
import trio

from shared.kernel.address import TcpAddress
from shared.kernel.clock import SystemClock
from shared.kernel.request_id import current_request_id
from shared.projection.epoch import Reason
from shared.telemetry.logs import LOG_FIELDS, REPEATED, configure_logging
from shared.telemetry.metrics import Metrics

SECRET = "pilot@example.com"
ROOT = Path(__file__).parents[3]


@contextmanager
def logged() -> Generator[Callable[[], list[dict[str, Any]]]]:
    """The lines logged meanwhile; logging is as it was afterwards."""
    root = logging.getLogger()
    REPEATED.forget()
    before = (root.handlers[:], root.level, logging.raiseExceptions)
    stream = io.StringIO()
    configure_logging(stream)
    try:
        yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    finally:
        root.handlers[:], root.level, logging.raiseExceptions = before
        logging.captureWarnings(capture=False)


def _raise_with_secrets() -> None:
    try:
        try:
            raise ValueError(SECRET)  # noqa: TRY301
        except ValueError as error:
            raise KeyError(SECRET) from error
    except KeyError as error:
        error.add_note(SECRET)
        raise ExceptionGroup(SECRET, [error]) from None


def test_no_way_of_logging_puts_a_value_into_a_line() -> None:
    ours, foreign = logging.getLogger("authsession.x"), logging.getLogger("asyncpg")
    with logged() as lines:
        ours.error("failed %s", SECRET)
        ours.error("failed", extra={"email": SECRET})
        foreign.error(f"failed {SECRET}")
        foreign.error("failed %s", SECRET)
        ours.error(SECRET.encode())
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn(SECRET, stacklevel=1)
        try:
            _raise_with_secrets()
        except ExceptionGroup:
            ours.exception("failed")
            foreign.exception("failed")
        assert len(lines()) == 8
        assert SECRET not in json.dumps(lines())


def test_an_exception_is_told_by_types_and_places() -> None:
    with logged() as lines:
        try:
            _raise_with_secrets()
        except ExceptionGroup as error:
            logging.getLogger("authsession.x").error("failed", exc_info=error)  # noqa: TRY400
        exception = lines()[0]["exception"]
    assert exception["type"] == "builtins.ExceptionGroup"
    assert "_raise_with_secrets" in exception["stack"][-1]
    assert exception["exceptions"][0]["type"] == "builtins.KeyError"
    assert exception["exceptions"][0]["cause"]["type"] == "builtins.ValueError"


async def test_a_line_has_its_time_place_request_and_allowed_fields() -> None:
    with logged() as lines:
        current_request_id.set("request-1")
        logging.getLogger("authsession.server.serving").info(
            "listening", extra={"address": TcpAddress("", 1), "count": 3}
        )
        logging.getLogger("services.public_auth").debug("not shown")
        logging.getLogger("hypercorn").info("not shown")
        [line] = lines()
    assert line.pop("ts").endswith("Z")
    assert line == {
        "level": "info", "logger": "authsession.server.serving", "event": "listening", "request_id": "request-1",
        "address": ":1", "count": 3,
    }  # fmt: skip


def test_no_allowed_field_hides_one_of_the_record() -> None:
    assert not LOG_FIELDS & logging.makeLogRecord({}).__dict__.keys()


@pytest.mark.parametrize("method", ["POST", "BREW"])
def test_answers_are_counted_by_route_and_unknown_methods_are_one(method: str) -> None:
    metrics = Metrics("test", SystemClock())
    for _ in range(3):
        metrics.observe_request(method, "/things/{id}", 200, 0.02)
    text = metrics.render().decode()
    metrics.shutdown()
    shown = "POST" if method == "POST" else "_OTHER"
    labels = f'http_request_method="{shown}",http_response_status_code="200",http_route="/things/{{id}}"'
    assert f"http_server_request_duration_seconds_count{{{labels}}} 3.0" in text


def test_two_sets_of_metrics_know_nothing_of_each_other() -> None:
    one, other = Metrics("one", SystemClock()), Metrics("other", SystemClock())
    one.observe_request("POST", "/x", 200, 0.1)
    assert b"/x" not in other.render()
    one.shutdown()
    other.shutdown()


async def test_a_request_id_stays_within_its_task() -> None:
    async def request(name: str) -> None:
        current_request_id.set(name)
        await trio.lowlevel.checkpoint()
        assert current_request_id.get() == name

    async with trio.open_nursery() as nursery:
        for number in range(5):
            nursery.start_soon(request, str(number))


def test_a_service_is_named_by_the_standard_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "galaxy-authsession")
    metrics = Metrics("authsession-public", SystemClock())
    metrics.observe_request("GET", "/healthz", 200, 0.1)
    text = metrics.render().decode()
    metrics.shutdown()
    assert 'service_name="galaxy-authsession"' in text


SHOWS_INSTRUMENTS_OF_MODULES = """
from shared.projection import metrics as projection
from shared.kernel.clock import SystemClock
from shared.telemetry.metrics import Metrics

metrics = Metrics("test", SystemClock())
metrics.show_instruments_of_modules()
projection.show_that_nothing_was_lost()
projection.PUBLISH_DURATION.record(0.001)
projection.EPOCHS.add(1, {"reason": "redis_lost"})
for counter in (projection.REBUILT, projection.CONFLICTS, projection.STRAYS):
    counter.add(1)
for gauge in (projection.OUTBOX_DEPTH, projection.OUTBOX_AGE):
    gauge.set(1)
print(metrics.render().decode())
"""


def test_every_instrument_of_the_projection_shows_where_the_process_shows_its_metrics() -> None:
    """In a process of its own: OpenTelemetry's global provider is set once."""
    command = [sys.executable, "-c", SHOWS_INSTRUMENTS_OF_MODULES]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, cwd=ROOT).stdout
    for name in (
        "publish_duration_seconds_count", 'epochs_total{reason="redis_lost"}', "rebuilt_total", "conflicts_total",
        "strays_total", "outbox_depth", "outbox_age_seconds",
    ):  # fmt: skip
        assert f"\nauthsession_projection_{name} 1.0" in shown, name
    for reason in set(get_args(Reason)) - {"redis_lost"}:  # an increase from nothing is none, for Prometheus
        assert f'\nauthsession_projection_epochs_total{{reason="{reason}"}} 0.0' in shown, reason
