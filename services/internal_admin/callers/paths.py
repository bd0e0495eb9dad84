"""Beginnings of the paths of the internal listener."""

INTERNAL = "/api/v1/internal"
CONTROL_PLANE = "/api/control-plane"
AUTH = CONTROL_PLANE + "/auth"


def is_internal(path: str) -> bool:
    """Whether a path belongs to the internal API, and not to the control plane."""
    return path.startswith(INTERNAL + "/")
