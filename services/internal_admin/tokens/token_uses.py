"""Domain: which tokens were used, until a worker keeps it. No request waits for that."""


class TokenUses:
    """Of this process; those not kept yet are lost with it. As many as there are tokens at most."""

    def __init__(self) -> None:
        self._noted: set[str] = set()

    def note(self, token_id: str) -> None:
        """The token was used now."""
        self._noted.add(token_id)

    def taken(self) -> frozenset[str]:
        """Those noted since the last call."""
        taken, self._noted = frozenset(self._noted), set()
        return taken
