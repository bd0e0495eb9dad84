"""The checks and the document of a gateway configuration; pure."""

from collections.abc import Iterator, Sequence
from typing import Final

from contracts.control_plane.publication.answers import Check
from contracts.cors import ANY_ORIGIN
from contracts.errors import Refusal
from contracts.gateway_configuration import (
    GatewayConfiguration,
    GatewayRoute,
    decode_gateway_configuration,
    encode_gateway_configuration,
    read_gateway_configuration,
)
from services.internal_admin.publication.domain.checks import Judged
from services.internal_admin.publication.domain.subject import Draft

LONG_FRESHNESS: Final = 60
"""A freshness window above this gets a warning, in seconds."""


def judge(draft: Draft) -> Judged:
    """The first error of the form, or the warnings about a configuration that gateways can apply, and its document.

    The document spells out every field.
    """
    try:
        configuration = read_gateway_configuration(dict(draft))
    except Refusal as refusal:
        return Judged((Check("form", "error", refusal.message, _field(draft, refusal.message)),))
    return Judged(tuple(_warnings(configuration)), encode_gateway_configuration(configuration))


def can_read(stored: bytes) -> bool:
    """Whether gateways of this release can read a document."""
    try:
        decode_gateway_configuration(stored)
    except Refusal:
        return False
    return True


def _warnings(configuration: GatewayConfiguration) -> Iterator[Check]:
    known_for, window = configuration.serve_known_for, configuration.freshness_window
    if known_for is not None:
        message = f"while Redis is away, a gateway lets revoked sessions pass for up to {known_for} s"
        yield Check("mode", "warning", message, "draft.mode")
    if window > LONG_FRESHNESS:
        message = (
            f"a signed request is accepted for {window} s around its time; {LONG_FRESHNESS} s is enough for most clocks"
        )
        yield Check("freshness", "warning", message, "draft.freshness_window")
    yield from _route_warnings(configuration.routes)
    for place, origin in enumerate(configuration.cors_origins):
        if origin == ANY_ORIGIN:
            message = "every web page may call, and may read the answers of routes that require nothing"
            yield Check("cors_origins", "warning", message, f"draft.cors_origins[{place}]")
        if origin.startswith("http://") and not origin.startswith(("http://localhost", "http://127.0.0.1")):
            message = "anyone on the network can change pages of an origin without TLS"
            yield Check("cors_origins", "warning", message, f"draft.cors_origins[{place}]")


def _route_warnings(routes: Sequence[GatewayRoute]) -> Iterator[Check]:
    """Rules that let everything through, and rules that no request reaches."""
    catch_all: int | None = None
    for place, route in enumerate(routes):
        path = f"draft.routes[{place}]"
        if catch_all is not None:
            message = f"no request reaches this rule, because rule {catch_all} matches every request"
            yield Check("routes", "warning", message, path)
        elif route.match in ("* *", "* /*"):
            catch_all = place
            if route.requires == "nothing":
                yield Check("routes", "warning", "every request passes without a session", path)


def _field(draft: Draft, message: str) -> str | None:
    """The field that the message of a refusal begins with, if the draft or the form has it."""
    first = message.removeprefix("unknown field ").split(" ", 1)[0]
    is_named = first in draft or first.partition(".")[0] in ("cors_origins", "mode", "routes", "serve_known_for")
    return f"draft.{first}" if is_named else None
