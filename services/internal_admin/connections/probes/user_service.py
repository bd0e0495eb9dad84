"""User services: a user that cannot exist (SPEC §8)."""

from collections.abc import Mapping

from contracts.connection_kinds import Settings
from contracts.user_service import MalformedAnswer, decode_exists, user_exists_path
from services.internal_admin.connections.probes.finding import Call, Finding, bearer, call, joined, text
from shared.io.egress import Egress, EgressAnswer

USER_ID = "user-probe"
"""No user has this id: ours end with a ULID."""


async def probe(egress: Egress, settings: Settings, secrets: Mapping[str, str], asks_without: bool) -> Finding:  # noqa: FBT001
    """A 404 may also come from a wrong base URL, so it is no good answer here."""
    url = joined(text(settings, "base_url"), user_exists_path(USER_ID))
    return await call(egress, Call("GET", url, bearer(secrets, "bearer"), _is_good, {}), asks_without=asks_without)


def _is_good(answer: EgressAnswer) -> bool:
    if answer.status != 200:
        return False
    try:
        return not decode_exists(answer.body)
    except MalformedAnswer:
        return False
