"""Methods of requests as telemetry shows them: those that nobody knows are one, they are the caller's to invent."""

_KNOWN = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def known_method(method: str) -> str:
    """The method, or `_OTHER`, as OpenTelemetry's conventions for HTTP have it."""
    return method if method in _KNOWN else "_OTHER"
