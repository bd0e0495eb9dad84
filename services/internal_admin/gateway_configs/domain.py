"""Gateway configurations as a kind of subject: their checks and their document; pure."""

from collections.abc import Iterator, Sequence
from typing import Final

from contracts.audit_events import EventName
from contracts.control_plane.publication import Check
from contracts.errors import ErrorCode, Refusal
from contracts.gateway_configuration import (
    KIND,
    GatewayConfiguration,
    GatewayRoute,
    decode_gateway_configuration,
    encode_gateway_configuration,
    read_gateway_configuration,
)
from services.internal_admin.publication.domain.kind import Draft, Events, Kind
from shared.kernel.ids import new_gateway_config_id

LONG_FRESHNESS: Final = 60
"""A freshness window above this gets a warning, in seconds."""


def check(draft: Draft) -> tuple[Check, ...]:
    """The first error of the form, or the warnings about a configuration that gateways can apply."""
    try:
        configuration = read_gateway_configuration(dict(draft))
    except Refusal as refusal:
        return (Check("form", "error", refusal.message, _field(draft, refusal.message)),)
    return tuple(_warnings(configuration))


def document(draft: Draft) -> bytes:
    """The bytes that gateways get, with every field spelled out."""
    return encode_gateway_configuration(read_gateway_configuration(dict(draft)))


def can_read(stored: bytes) -> bool:
    """Whether gateways of this release can read a document."""
    try:
        decode_gateway_configuration(stored)
    except Refusal:
        return False
    return True


GATEWAY_CONFIG: Final = Kind(
    name=KIND,
    new_id=new_gateway_config_id,
    check=check,
    document=document,
    can_read=can_read,
    events=Events(
        create=EventName.CREATE_GATEWAY_CONFIG,
        change=EventName.CHANGE_GATEWAY_CONFIG,
        archive=EventName.ARCHIVE_GATEWAY_CONFIG,
        publish=EventName.PUBLISH_GATEWAY_CONFIG,
        activate=EventName.ACTIVATE_GATEWAY_CONFIG,
        pause=EventName.PAUSE_GATEWAY_CONFIG,
        revert=EventName.REVERT_GATEWAY_CONFIG,
    ),
    not_found=ErrorCode.CONFIG_NOT_FOUND,
    is_alone=True,
)


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
