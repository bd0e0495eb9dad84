"""Spans: the parts of a request, a worker's step or a mail, and the duration of each (SPEC §13.2).

Only this module makes spans, with OpenTelemetry's global tracer. Nothing is recorded until a process sets a provider.
A span's name is a template or the name of one of our functions; its attributes are words and numbers. It never holds a
path, a header, a body, a statement or the text of an exception. Within a request that is not sampled, a call here costs
one look at the current span (docs/decisions/0031-telemetry.md).
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
    """The span of an HTTP request. It is current in its task until `end`, which must be called once, in the same task.

    It follows OpenTelemetry's conventions for HTTP servers, but without `url.path`, `client.address` and
    `user_agent.original`. These hold text of the caller and the address of a person.
    """

    def __init__(self, method: str, scheme: str, traceparent: str | None, *, is_believed: bool) -> None:
        """`traceparent` is the header of W3C Trace Context; `tracestate` is dropped.

        With `is_believed` the caller's trace continues and the caller decides whether it is sampled. Otherwise a new
        trace begins with a link to the caller's, so that a stranger cannot decide what is recorded.
        """
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
        """End the span. `route` is a template, or None if no route matched. Only status 5xx counts as an error."""
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
    """The span of a unit of work, named after its function. It holds no statement and no value."""
    if not trace.get_current_span().is_recording():
        return _UNTRACED
    name = _name_of(body)
    return _recorded(name, SpanKind.CLIENT, {"db.system.name": "postgresql", "db.operation.name": name})


def redis_call(command: object) -> AbstractContextManager[Span]:
    """The span of a Redis command. It holds the command's name, such as `b"EVALSHA"`, and no argument."""
    if not trace.get_current_span().is_recording():
        return _UNTRACED
    name = command.decode() if isinstance(command, bytes) else "command"
    return _recorded(name, SpanKind.CLIENT, {"db.system.name": "redis", "db.operation.name": name})


def http_call(method: str, host: str, port: int | None) -> AbstractContextManager[Span]:
    """The span of a call to another server. It does not hold the path, which may contain an id."""
    if not trace.get_current_span().is_recording():
        return _UNTRACED
    attributes: dict[str, str | int] = {"http.request.method": method, "server.address": host}
    if port is not None:
        attributes["server.port"] = port
    return _recorded(method, SpanKind.CLIENT, attributes)


def tell_status(span: Span, status: int) -> None:
    """Add the status of an answer to a client's span. There 4xx counts as an error too."""
    span.set_attribute("http.response.status_code", status)
    if status >= 400:
        _fail(span, str(status))


def tell_no_answer(span: Span, reason: str) -> None:
    """Add to a client's span that no answer came, in our own word."""
    _fail(span, reason)


def outgoing_headers() -> Mapping[str, str]:
    """The header `traceparent` for another server; empty outside of a trace.

    A trace that is not sampled has one too, which says so.
    """
    headers: dict[str, str] = {}
    _TRACEPARENT.inject(headers)
    return headers


def mail(delivery_id: str) -> AbstractContextManager[Span]:
    """The span of one try to deliver a mail. It begins a trace, because the queue does not keep the request's trace."""
    attributes = {
        "messaging.system": "email",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.message.id": delivery_id,
    }
    return _root("send mail", SpanKind.CLIENT, attributes)


def tell_outcome(span: Span, outcome: str, reason: str | None, *, is_fault: bool) -> None:
    """Add the outcome of a try to deliver a mail, in our own words."""
    span.set_attribute("authsession.mail.outcome", outcome)
    if is_fault:
        _fail(span, reason or outcome)
    elif reason is not None:
        span.set_attribute("authsession.mail.reason", reason)


def step(worker: str) -> AbstractContextManager[Span]:
    """The span of a worker's step. It begins a trace."""
    return _root(worker, SpanKind.INTERNAL, {})


def current_span() -> Span | None:
    """The current span if it is recorded, else None."""
    span = trace.get_current_span()
    return span if span.is_recording() else None


def on_behalf_of(spans: Iterable[Span | None]) -> AbstractContextManager[Span]:
    """Spans inside belong to the first recorded one of `spans`; the others get a link to it. For batches."""
    recorded = [span for span in spans if span is not None]
    if not recorded:
        return _UNTRACED
    first, *others = recorded
    for other in others:
        other.add_link(first.get_span_context())
    return _current(first)


@contextmanager
def _current(span: Span) -> Generator[Span]:
    """Make `span` current inside, without ending it."""
    token = context.attach(trace.set_span_in_context(span))
    try:
        yield span
    finally:
        context.detach(token)


def _root(name: str, kind: SpanKind, attributes: Mapping[str, str]) -> AbstractContextManager[Span]:
    """A span that begins a new trace, independent of the current one."""
    span = _TRACER.start_span(name, _NOTHING, kind=kind, attributes=attributes)
    return _within(span) if span.get_span_context().is_valid else _UNTRACED


def _recorded(name: str, kind: SpanKind, attributes: Mapping[str, str | int]) -> AbstractContextManager[Span]:
    return _within(_TRACER.start_span(name, kind=kind, attributes=attributes))


@contextmanager
def _within(span: Span) -> Generator[Span]:
    """Make `span` current inside, and end it afterwards. It gets the type of an exception, never its text or places."""
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
    """The name of a function without its wrappers; for a lambda or inner function, the name of the outer function."""
    while isinstance(body, partial):
        body = body.func
    name: str = getattr(body, "__qualname__", type(body).__qualname__)
    return name.partition(".<locals>")[0].rpartition(".")[2]
