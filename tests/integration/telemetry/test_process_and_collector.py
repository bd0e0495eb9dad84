"""A process of its own with `open_telemetry`, and a collector that is there or not."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from authsession.embedded.child import free_port
from shared.telemetry.export import FLUSH
from tests.support.collector import AT_ONCE, open_collector

ROOT = Path(__file__).parents[3]
PROGRAM = """
import logging, sys, time
import trio
from shared.kernel.clock import SystemClock
from shared.process import run_process
from shared.telemetry.export import open_telemetry
from shared.telemetry.tracing import RequestSpan

async def run(seconds):
    async with open_telemetry("test", SystemClock()) as metrics:
        logging.getLogger("authsession.test").warning("the last words")
        slowest, ends = 0.0, trio.current_time() + seconds
        while True:
            span = RequestSpan("GET", "http", None, is_believed=False)
            span.end("/last", 200)
            metrics.observe_request("GET", "/last", 200, 0.1)
            before = trio.current_time()
            if before >= ends:
                break
            await trio.sleep(0.01)
            slowest = max(slowest, trio.current_time() - before - 0.01)
        print("slowest", slowest)
    print("ended")

sys.exit(run_process(lambda _: float(sys.argv[1]), run))
"""


def run(environment: Mapping[str, str], seconds: float = 0) -> tuple[subprocess.CompletedProcess[str], float]:
    """The ended process, and the seconds it took after the last span."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    command = [sys.executable, "-c", PROGRAM, str(seconds)]
    started = time.monotonic()
    done = subprocess.run(
        command, cwd=ROOT, env={**clean, **environment}, capture_output=True, text=True, timeout=60, check=False
    )
    return done, time.monotonic() - started - seconds


def said(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [json.loads(line)["event"] for line in done.stderr.splitlines()]


def test_the_last_records_leave_before_the_process_ends() -> None:
    with open_collector() as collector:
        never = dict.fromkeys(
            ("OTEL_BSP_SCHEDULE_DELAY", "OTEL_BLRP_SCHEDULE_DELAY", "OTEL_METRIC_EXPORT_INTERVAL"), "60000"
        )
        done, _ = run({**collector.environment, **never})
        assert done.returncode == 0, done.stderr
        assert [span.name for span in collector.spans()] == ["GET /last"]
        assert collector.metric_names() == {"http.server.request.duration", "process.uptime"}
        assert [record.body.string_value for record in collector.logs()] == ["the last words"]
        assert said(done) == ["the last words"]


def test_without_a_collector_a_process_says_so_once_a_signal_and_goes_on() -> None:
    """The queue is drained every 100 ms, so ten tries fail in a second."""
    nobody = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}", "OTEL_EXPORTER_OTLP_TIMEOUT": "0.05"}
    done, took = run({**AT_ONCE, **nobody}, seconds=1.5)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    dropped = [line["signal"] for line in lines if line["event"] == "telemetry export failed: data are dropped"]
    assert sorted(dropped) == ["logs", "metrics", "traces"]
    assert len(lines) == 1 + 3
    assert took < FLUSH.total_seconds() + 5


def test_a_collector_that_does_not_answer_holds_up_the_end_for_two_seconds_at_most() -> None:
    """It accepts and is silent; each try waits ten seconds, by default."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{silent.getsockname()[1]}"}
        done, took = run({**AT_ONCE, **endpoint}, seconds=0.5)
    assert done.returncode == 0, done.stderr
    assert "ended" in done.stdout
    assert FLUSH.total_seconds() <= took < FLUSH.total_seconds() + 5
    assert float(done.stdout.split()[1]) < 0.5, "the loop was held up"


def test_nothing_is_sent_unless_it_is_asked_for() -> None:
    with open_collector() as collector:
        off = {"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "", "OTEL_LOGS_EXPORTER": ""}
        done, _ = run({**collector.environment, **off})
        assert done.returncode == 0, done.stderr
        assert collector.received == []


def test_a_disabled_sdk_sends_nothing() -> None:
    with open_collector() as collector:
        done, _ = run({**collector.environment, "OTEL_SDK_DISABLED": "true"})
        assert done.returncode == 0, done.stderr
        assert collector.received == []


def test_exporters_that_are_not_built_in_are_refused_at_boot_all_at_once() -> None:
    done, _ = run({"OTEL_TRACES_EXPORTER": "zipkin", "OTEL_TRACES_SAMPLER": "sometimes"})
    assert done.returncode == 78
    problems = [json.loads(line)["problem"] for line in done.stderr.splitlines()]
    assert [problem.split()[0] for problem in problems] == ["OTEL_TRACES_EXPORTER", "OTEL_TRACES_SAMPLER"]
