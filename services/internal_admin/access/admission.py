"""Domain: who is admitted without credentials, by settings alone (SPEC §4.5, §10.9)."""

from dataclasses import dataclass

from services.internal_admin.callers.identity import TrustedNetwork, Unauthenticated

INTERNAL_ROOT = "/api/v1/internal/"


@dataclass(frozen=True, slots=True)
class Admission:
    """`requires_token`: of the internal API. `control_plane_mode`: `operator`, `development` or `open`."""

    requires_token: bool
    control_plane_mode: str = "operator"

    def without_credentials(self, route: str, *, is_on_this_machine: bool) -> TrustedNetwork | Unauthenticated | None:
        """Who a caller is that gave none, on the route of this template. The control plane trusts no network."""
        if route.startswith(INTERNAL_ROOT):
            return None if self.requires_token else TrustedNetwork()
        is_open = self.control_plane_mode == "open"
        is_at_home = self.control_plane_mode == "development" and is_on_this_machine
        return Unauthenticated() if is_open or is_at_home else None
