"""Laws of spans: whose they are, what they may say, and that there are none where nobody asked."""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial

import httpx
import pytest
from opentelemetry import context, trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, Sampler

from shared.io.http_client import HttpClient
from shared.kernel.faults import DependencyUnavailable
from shared.telemetry import tracing
from shared.telemetry.tracing import RequestSpan

SECRET = "pilot@example.com"
TRACE, PARENT = 0x4BF92F3577B34DA6A3CE929D0E0E4736, 0x00F067AA0BA902B7
SAMPLED, UNSAMPLED = f"00-{TRACE:032x}-{PARENT:016x}-01", f"00-{TRACE:032x}-{PARENT:016x}-00"


class Recorded:
    """A tracer in place of the global one, which is set once a process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._exporter = InMemorySpanExporter()
        self._monkeypatch = monkeypatch
        self.sample(ALWAYS_ON)

    def sample(self, sampler: Sampler) -> None:
        provider = TracerProvider(sampler=ParentBased(sampler), shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self._monkeypatch.setattr(tracing, "_TRACER", provider.get_tracer("test"))

    def spans(self) -> dict[str, ReadableSpan]:
        return {span.name: span for span in self._exporter.get_finished_spans()}


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorded]:
    token = context.attach(context.Context())
    yield Recorded(monkeypatch)
    context.detach(token)


def request(traceparent: str | None = None, *, is_believed: bool = False, method: str = "POST") -> RequestSpan:
    return RequestSpan(method, "https", traceparent, is_believed=is_believed)


def unit(_: int) -> None:
    """A unit of work by its name."""


def test_work_within_a_request_is_its_child(recorded: Recorded) -> None:
    span = request()
    with tracing.unit_of_work(partial(partial(unit), 1)), tracing.redis_call(b"GET"):
        pass
    span.end("/things/{id}", 200)
    spans = recorded.spans()
    assert list(spans) == ["GET", "unit", "POST /things/{id}"]
    top, middle = spans["POST /things/{id}"].context, spans["unit"].context
    assert top is not None and middle is not None  # noqa: PT018 - for the type checker
    assert spans["unit"].parent == top
    assert spans["GET"].parent == middle
    assert spans["unit"].attributes == {"db.system.name": "postgresql", "db.operation.name": "unit"}


def test_a_connection_that_goes_on_is_not_part_of_the_request_before(recorded: Recorded) -> None:
    for sampler in (ALWAYS_ON, ALWAYS_OFF):
        recorded.sample(sampler)
        request().end("/x", 200)
        assert not trace.get_current_span().get_span_context().is_valid


def test_a_unit_without_a_name_has_that_of_the_function_it_stands_in() -> None:
    assert tracing._name_of(lambda: None) == "test_a_unit_without_a_name_has_that_of_the_function_it_stands_in"


@pytest.mark.parametrize("status", [200, 404, 429])
def test_a_refusal_is_no_error_of_the_server(recorded: Recorded, status: int) -> None:
    request().end("/x", status)
    span = recorded.spans()["POST /x"]
    assert span.status.status_code is trace.StatusCode.UNSET
    assert "error.type" not in (span.attributes or {})


def test_a_fault_is_an_error(recorded: Recorded) -> None:
    request().end("/x", 503)
    span = recorded.spans()["POST /x"]
    assert span.status.status_code is trace.StatusCode.ERROR
    assert (span.attributes or {})["error.type"] == "503"


@pytest.mark.parametrize(("method", "name"), [("GET", "GET"), ("BREW", "HTTP")])
def test_a_request_that_no_route_takes_is_named_by_its_method_if_that_is_known(
    recorded: Recorded, method: str, name: str
) -> None:
    request(method=method).end(None, 404)
    span = recorded.spans()[name]
    assert span.attributes == {
        "http.request.method": "GET" if method == "GET" else "_OTHER",
        "url.scheme": "https",
        "http.response.status_code": 404,
    }


def test_an_exception_is_told_by_its_type_alone(recorded: Recorded) -> None:
    span = request()
    with pytest.raises(ValueError, match=SECRET), tracing.unit_of_work(unit):
        raise ValueError(SECRET)
    span.end("/x", 500)
    failed = recorded.spans()["unit"]
    assert (failed.attributes or {})["error.type"] == "ValueError"
    assert failed.events == ()
    assert SECRET not in failed.to_json()


def test_a_believed_caller_goes_on_in_its_trace_and_decides_whether_it_is_recorded(recorded: Recorded) -> None:
    recorded.sample(ALWAYS_OFF)
    request(SAMPLED, is_believed=True).end("/x", 200)
    span = recorded.spans()["POST /x"]
    assert span.parent is not None
    assert (span.parent.trace_id, span.parent.span_id) == (TRACE, PARENT)
    recorded.sample(ALWAYS_ON)
    request(UNSAMPLED, is_believed=True).end("/y", 200)
    assert "POST /y" not in recorded.spans()


def test_a_stranger_decides_nothing_and_is_linked(recorded: Recorded) -> None:
    recorded.sample(ALWAYS_OFF)
    request(SAMPLED).end("/x", 200)
    assert recorded.spans() == {}
    recorded.sample(ALWAYS_ON)
    request(UNSAMPLED).end("/y", 200)
    span = recorded.spans()["POST /y"]
    assert span.parent is None
    assert [link.context.trace_id for link in span.links] == [TRACE]


@pytest.mark.parametrize("malformed", ["", "00-zz-zz-01", f"{SAMPLED}, {SAMPLED}", SECRET])
def test_a_malformed_traceparent_is_none(recorded: Recorded, malformed: str) -> None:
    request(malformed, is_believed=True).end("/x", 200)
    span = recorded.spans()["POST /x"]
    assert span.parent is None
    assert span.links == ()


def test_below_a_request_that_is_not_sampled_no_span_is_made(recorded: Recorded) -> None:
    recorded.sample(ALWAYS_OFF)
    span = request()
    for hook in (tracing.unit_of_work(unit), tracing.redis_call(b"GET"), tracing.http_call("GET", "users", 80)):
        assert hook is tracing._UNTRACED
    assert tracing.current_span() is None
    flags = int(tracing.outgoing_headers()["traceparent"].rpartition("-")[2], 16)
    assert flags & trace.TraceFlags.SAMPLED == 0, "neighbours are told that it is not sampled"
    span.end("/x", 200)
    assert recorded.spans() == {}


def test_without_a_provider_nothing_is_made_at_all() -> None:
    span = request(SAMPLED, is_believed=True)
    for hook in (tracing.unit_of_work(unit), tracing.mail("id"), tracing.step("worker")):
        assert hook is tracing._UNTRACED or not trace.get_current_span().is_recording()
    span.end("/x", 200)


def test_a_mail_and_a_step_are_traces_of_their_own_whatever_started_them(recorded: Recorded) -> None:
    span = request()
    with tracing.mail("delivery-1") as mail:
        tracing.tell_outcome(mail, "queued", "timeout", is_fault=True)
        with tracing.unit_of_work(unit):
            pass
    with tracing.step("relay"):
        pass
    span.end("/x", 200)
    spans = recorded.spans()
    assert spans["send mail"].parent is None
    assert spans["relay"].parent is None
    assert spans["unit"].parent == spans["send mail"].context
    assert (spans["send mail"].attributes or {})["error.type"] == "timeout"


def test_work_for_several_belongs_to_the_first_that_is_recorded_and_the_others_link_to_it(
    recorded: Recorded,
) -> None:
    waiting: list[tuple[RequestSpan, trace.Span | None]] = []
    for sampler in (ALWAYS_OFF, ALWAYS_ON, ALWAYS_ON):
        recorded.sample(sampler)
        token = context.attach(context.Context())
        waiting.append((request(), tracing.current_span()))
        context.detach(token)
    with tracing.on_behalf_of(span for _, span in waiting), tracing.unit_of_work(unit):
        pass
    for number, (span, _) in enumerate(waiting):
        span.end(f"/{number}", 200)
    spans = recorded.spans()
    assert "POST /0" not in spans
    first = spans["POST /1"].context
    assert spans["unit"].parent == first
    assert spans["POST /1"].links == ()
    assert [link.context for link in spans["POST /2"].links] == [first]


def test_work_for_nobody_who_is_recorded_leaves_no_span(recorded: Recorded) -> None:
    with tracing.on_behalf_of([None, None]), tracing.unit_of_work(unit):
        pass
    assert recorded.spans() == {}


@pytest.mark.parametrize("status", [200, 404, 503])
def test_a_neighbours_answer_is_an_error_from_400_on(recorded: Recorded, status: int) -> None:
    span = request()
    with tracing.http_call("POST", "users.internal", 8443) as call:
        tracing.tell_status(call, status)
    span.end("/x", 200)
    attributes = recorded.spans()["POST"].attributes or {}
    assert ("error.type" in attributes) == (status >= 400)
    assert (attributes["server.address"], attributes["server.port"]) == ("users.internal", 8443)


async def test_a_neighbour_is_told_the_trace_that_its_call_is_part_of(recorded: Recorded) -> None:
    told: list[httpx.Request] = []

    def answer(asked: httpx.Request) -> httpx.Response:
        told.append(asked)
        return httpx.Response(200, json={})

    http = httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://users.internal:8090/base")
    span = request()
    await HttpClient(http, concurrency=1).call("GET", f"/users/{SECRET}", timeout=timedelta(seconds=5))
    span.end("/x", 200)
    call = recorded.spans()["GET"]
    assert call.context is not None
    assert told[0].headers["traceparent"].split("-")[1:3] == [
        f"{call.context.trace_id:032x}",
        f"{call.context.span_id:016x}",
    ]
    assert (call.attributes or {})["server.address"] == "users.internal"
    assert SECRET not in call.to_json()


def test_a_dependency_that_is_away_fails_the_span(recorded: Recorded) -> None:
    span = request()
    with pytest.raises(DependencyUnavailable), tracing.redis_call(b"GET"):
        raise DependencyUnavailable("redis")
    span.end("/x", 503)
    assert (recorded.spans()["GET"].attributes or {})["error.type"] == "DependencyUnavailable"
