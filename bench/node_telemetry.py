"""The cost of a node's telemetry for the internal process: `python -m bench.node_telemetry`.

A body of 4 MiB goes through the relay to a collector. Printed are the CPU of the process a body, and the longest step
of a task, in CPU: for that time nothing else runs, such as the answer to a held poll.
"""

import gzip
import json
import statistics
import time
from collections.abc import Mapping
from contextlib import suppress

import trio

from contracts.node.telemetry import JSON, MAX_BODY_BYTES, PROTOBUF, MediaType
from services.internal_admin.node_telemetry.collector import open_collector
from services.internal_admin.node_telemetry.domain.body import BadData, NodeIdentity, TooLarge
from services.internal_admin.node_telemetry.flow import Relay
from services.internal_admin.node_telemetry.settings import NodeTelemetrySettings
from shared.http.gzip_body import unpack_gzip
from tests.support.collector import Collector
from tests.support.collector import open_collector as open_far_side
from tests.support.otlp import json_request, trace_request

BODIES = 20
_HOSTILE = ("[]", '{"a":[]}', "[" * 90 + "]" * 90, "0")


class LongestStep(trio.abc.Instrument):
    """The CPU of the longest step of a task."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._begun = time.thread_time()

    def before_task_step(self, task: trio.lowlevel.Task) -> None:  # noqa: ARG002 - as trio calls it
        self._begun = time.thread_time()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:  # noqa: ARG002 - as trio calls it
        self.seconds = max(self.seconds, time.thread_time() - self._begun)


def bodies() -> Mapping[str, tuple[bytes, MediaType]]:
    """Bodies of just under 4 MiB: what an SDK sends, and what hurts a parser most."""
    one = len(trace_request([], spans=2).SerializeToString()) - len(trace_request([]).SerializeToString())
    protobuf = trace_request([("service.name", "gateway")], spans=MAX_BODY_BYTES // (one + 4)).SerializeToString()
    one = len(json.dumps(json_request([], spans=2))) - len(json.dumps(json_request([])))
    text = json.dumps(json_request([("service.name", "gateway")], spans=MAX_BODY_BYTES // one - 10)).encode()
    return {
        "protobuf": (protobuf, PROTOBUF),
        "JSON": (text, JSON),
        **{f"JSON of {each[:9]}": (_hostile(each), JSON) for each in _HOSTILE},
    }


def _hostile(unit: str) -> bytes:
    spans = ",".join([unit] * ((MAX_BODY_BYTES - 100) // (len(unit) + 1)))
    return f'{{"resourceSpans":[{{"scopeSpans":[{spans}]}}]}}'.encode()


async def measure(far_side: Collector, body: bytes, media_type: MediaType) -> tuple[float, float]:
    """Median CPU of a body, and the longest step of all, in milliseconds. Each body is of another node."""
    packed = gzip.compress(body)
    costs = list[float]()
    settings = NodeTelemetrySettings(far_side.environment["OTEL_EXPORTER_OTLP_ENDPOINT"], {})
    async with open_collector(settings) as collector:
        assert collector is not None
        relay = Relay()
        steps = LongestStep()
        trio.lowlevel.add_instrument(steps)
        for number in range(BODIES):
            node, begun = NodeIdentity(f"node-{number}", "edge"), time.thread_time()
            with suppress(BadData, TooLarge):
                await relay.relay(collector, "traces", media_type, node, lambda: unpack_gzip(packed, MAX_BODY_BYTES))
            costs.append(time.thread_time() - begun)
            far_side.received.clear()
        trio.lowlevel.remove_instrument(steps)
    return statistics.median(costs) * 1000, steps.seconds * 1000


def main() -> None:
    with open_far_side() as far_side:
        for name, (body, media_type) in bodies().items():
            cost, longest = trio.run(measure, far_side, body, media_type)
            print(f"{name:18} {len(body) / 1024**2:5.2f} MiB {cost:8.1f} ms CPU {longest:6.1f} ms longest step")


if __name__ == "__main__":
    main()
