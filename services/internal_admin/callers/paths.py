"""Where the routes of the internal listener begin."""

INTERNAL = "/api/v1/internal"
CONTROL_PLANE = "/api/control-plane"
AUTH = CONTROL_PLANE + "/auth"


def is_internal(path: str) -> bool:
    """Whether a route is of the internal API, not of the control plane."""
    return path.startswith(INTERNAL + "/")
