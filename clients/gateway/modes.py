"""The two modes of a gateway that cannot know whether a session was revoked."""

from dataclasses import dataclass

from contracts.gateway_configuration import GatewayConfiguration

PATIENCE = 10.0
"""Seconds without proof that the local copy is current. A keeper's handover takes about 5 s, which is less."""


@dataclass(frozen=True, slots=True)
class FailClosed:
    """Without Redis, or without a beat for `patience` seconds, every session but the revoked ones is *unavailable*."""

    patience: float = PATIENCE


@dataclass(frozen=True, slots=True)
class FailStatic:
    """Without Redis or a beat, sessions known as active stay active for `serve_known_for` seconds after the last proof.

    A session that is revoked meanwhile is still served for that time, and a request that another gateway took can be
    repeated here. Unknown sessions are *unavailable*. Each such answer is marked by `Active.is_static` and a notice.
    """

    serve_known_for: float
    patience: float = PATIENCE

    def __post_init__(self) -> None:
        if self.serve_known_for < self.patience:
            raise ValueError("serve_known_for must not be shorter than patience")


Mode = FailClosed | FailStatic


def mode_of(configuration: GatewayConfiguration, patience: float = PATIENCE) -> Mode:
    """The mode in a gateway configuration. Raises `ValueError` if `serve_known_for` is shorter than `patience`."""
    if configuration.mode == "fail_closed":
        return FailClosed(patience)
    return FailStatic(configuration.serve_known_for or 0, patience)
