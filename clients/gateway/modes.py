"""What a gateway does when it cannot know whether a session was revoked. One of two, chosen by name."""

from dataclasses import dataclass

PATIENCE = 10.0
"""Seconds without proof that what is known is current. More than a keeper's handover takes (about 5 s)."""


@dataclass(frozen=True, slots=True)
class FailClosed:
    """Without Redis, or without a keeper for `patience` seconds: every session but revoked ones is *unavailable*."""

    patience: float = PATIENCE


@dataclass(frozen=True, slots=True)
class FailStatic:
    """In the same cases, sessions known as active stay active for `serve_known_for` seconds after the last proof.

    A session that is revoked meanwhile is served for so long; a request that another gateway took can be repeated
    here. Sessions that are not known are *unavailable*. Every such answer says so (`Active.is_static`, a notice).
    """

    serve_known_for: float
    patience: float = PATIENCE

    def __post_init__(self) -> None:
        if self.serve_known_for < self.patience:
            raise ValueError("serve_known_for must not be shorter than patience")


Mode = FailClosed | FailStatic
