"""Request methods as telemetry shows them. All unknown ones count as one, because callers can invent any number."""

_KNOWN = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def known_method(method: str) -> str:
    """The method, or `_OTHER` for an unknown one, as OpenTelemetry's conventions for HTTP ask."""
    return method if method in _KNOWN else "_OTHER"
