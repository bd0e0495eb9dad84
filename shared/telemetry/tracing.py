"""Spans: what a request, a worker's step or a mail did, and how long each part took (SPEC §13.2).

The one room that makes them, by OpenTelemetry's global tracer: nothing happens until a process sets a provider. Names
are templates and names of our own functions, attributes words and numbers: never a path, a header, a body, a statement
or the text of an exception. A hook below a request that is not sampled costs one look at the current span. Why so:
docs/decisions/0031-telemetry.md.
"""

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Link, Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from shared.telemetry.request_method import known_method

_TRACER = trace.get_tracer("authsession")
_NOTHING = Context()
_TRACEPARENT = TraceContextTextMapPropagator()
_UNTRACED = nullcontext(INVALID_SPAN)


class RequestSpan:
    """The span of one HTTP request, current for its task until `end`, which is to be called once, in the same task.

    OpenTelemetry's conventions for HTTP servers, without `url.path`, `client.address` and `user_agent.original`: those
    are the caller's words, and an address of a person.
    """

    def __init__(self, method: str, scheme: str, traceparent: str | None, *, is_believed: bool) -> None:
        """`traceparent` as W3C Trace Context has it. Believed, the caller's trace goes on, sampled as the caller says;
        else a new one begins, linked to it: a stranger must not choose what is recorded. `tracestate` is dropped."""
        given = None if traceparent is None else _TRACEPARENT.extract({"traceparent": traceparent}, _NOTHING)
        self._method = known_method(method)
        self._span = _TRACER.start_span(
            _request_name(self._method, None),
            given if given is not None and is_believed else _NOTHING,
            kind=SpanKind.SERVER,
            attributes={"http.request.method": self._method, "url.scheme": scheme},
            links=() if given is None or is_believed else _links(given),
        )
        is_traced = self._span.get_span_context().is_valid
        self._token = context.attach(trace.set_span_in_context(self._span)) if is_traced else None

    def end(self, route: str | None, status: int) -> None:
        """`route` is a template, None where none took the request. Errors are faults of ours alone: 5xx."""
        if self._token is not None:
            context.detach(self._token)
        if self._span.is_recording():
            self._tell(self._span, route, status)

    def _tell(self, span: Span, route: str | None, status: int) -> None:
        span.update_name(_request_name(self._method, route))
        span.set_attribute("http.response.status_code", status)
        if route is not None:
            span.set_attribute("http.route", route)
        if status >= 500:
            _fail(span, str(status))
        span.end()


def unit_of_work(body: Callable[..., object]) -> AbstractContextManager[Span]:
    """A unit of work, named by the function that does it. No statement, and no value of one, is told."""
    if not trace.get_current_span().is_recording():
        return _UNTRACED
    name = _name_of(body)
    return _recorded(name, SpanKind.CLIENT, {"db.system.name": "postgresql", "db.operation.name": name})


def redis_call(command: object) -> AbstractContextManager[Span]:
    """One command: its name (`b"EVALSHA"`), and no argument."""
    if not trace.get_current_span().is_recording():
        return _UNTRACED
    name = command.decode() if isinstance(command, bytes) else "command"
    return _recorded(name, SpanKind.CLIENT, {"db.system.name": "redis", "db.operation.name": name})


def http_call(method: str, host: str, port: int | None) -> AbstractContextManager[Span]:
    """A call of a neighbour; its path may hold an id, so it is not told."""
    if not trace.get_current_span().is_recording():
        return _UNTRACED
    attributes: dict[str, str | int] = {"http.request.method": method, "server.address": host}
    if port is not None:
        attributes["server.port"] = port
    return _recorded(method, SpanKind.CLIENT, attributes)


def tell_status(span: Span, status: int) -> None:
    """What a neighbour answered: for a client 4xx is an error too."""
    span.set_attribute("http.response.status_code", status)
    if status >= 400:
        _fail(span, str(status))


def outgoing_headers() -> Mapping[str, str]:
    """`traceparent` for a neighbour; nothing outside of a trace. Also where it is not sampled: so it is told."""
    headers: dict[str, str] = {}
    _TRACEPARENT.inject(headers)
    return headers


def mail(delivery_id: str) -> AbstractContextManager[Span]:
    """One try to carry a mail: a trace of its own, since the queue tells only its id and its time."""
    attributes = {
        "messaging.system": "email",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.message.id": delivery_id,
    }
    return _root("send mail", SpanKind.CLIENT, attributes)


def tell_outcome(span: Span, outcome: str, reason: str | None, *, is_fault: bool) -> None:
    """How a mail's try ended, in words of ours."""
    span.set_attribute("authsession.mail.outcome", outcome)
    if is_fault:
        _fail(span, reason or outcome)
    elif reason is not None:
        span.set_attribute("authsession.mail.reason", reason)


def step(worker: str) -> AbstractContextManager[Span]:
    """One step of a worker: a trace of its own."""
    return _root(worker, SpanKind.INTERNAL, {})


def current_span() -> Span | None:
    """The span that what happens now belongs to, if it is recorded."""
    span = trace.get_current_span()
    return span if span.is_recording() else None


def on_behalf_of(spans: Iterable[Span | None]) -> AbstractContextManager[Span]:
    """What is done for several at once: spans inside belong to the first that is recorded, the others link to it."""
    recorded = [span for span in spans if span is not None]
    if not recorded:
        return _UNTRACED
    first, *others = recorded
    for other in others:
        other.add_link(first.get_span_context())
    return _current(first)


@contextmanager
def _current(span: Span) -> Generator[Span]:
    """`span` is current inside, and goes on."""
    token = context.attach(trace.set_span_in_context(span))
    try:
        yield span
    finally:
        context.detach(token)


def _root(name: str, kind: SpanKind, attributes: Mapping[str, str]) -> AbstractContextManager[Span]:
    """A trace of its own, whatever task it was started from."""
    span = _TRACER.start_span(name, _NOTHING, kind=kind, attributes=attributes)
    return _within(span) if span.get_span_context().is_valid else _UNTRACED


def _recorded(name: str, kind: SpanKind, attributes: Mapping[str, str | int]) -> AbstractContextManager[Span]:
    return _within(_TRACER.start_span(name, kind=kind, attributes=attributes))


@contextmanager
def _within(span: Span) -> Generator[Span]:
    """`span` is current inside, and ends with it. Of an exception its type is told, never its text or its places."""
    try:
        with _current(span):
            yield span
    except BaseException as error:
        _fail(span, type(error).__qualname__)
        raise
    finally:
        span.end()


def _fail(span: Span, error_type: str) -> None:
    span.set_attribute("error.type", error_type)
    span.set_status(StatusCode.ERROR)


def _links(given: Context) -> tuple[Link, ...]:
    caller = trace.get_current_span(given).get_span_context()
    return (Link(caller),) if caller.is_valid else ()


def _request_name(method: str, route: str | None) -> str:
    shown = "HTTP" if method == "_OTHER" else method
    return shown if route is None else f"{shown} {route}"


def _name_of(body: Callable[..., Any]) -> str:
    """Of a function, whatever it was wrapped in; of one without a name, the function it stands in."""
    while isinstance(body, partial):
        body = body.func
    name: str = getattr(body, "__qualname__", type(body).__qualname__)
    return name.partition(".<locals>")[0].rpartition(".")[2]
