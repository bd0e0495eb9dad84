"""The measured operations, one request each. Every answer is checked, so that no refusal counts as a fast success.

An operation prepares a turn, which is not measured, and returns the calls of the turn.
"""

import base64
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

from bench.growth.scene import Scene

Call: TypeAlias = Callable[[], Awaitable[None]]
Operation: TypeAlias = Callable[[Scene], Awaitable[Sequence[Call]]]

_CAUSE = {"reason_code": "bench", "actor": {"type": "system"}}
_API = "/api/v1/internal"


async def confirm(scene: Scene) -> Sequence[Call]:
    """Of people who come back, each once: the budgets of an e-mail hold here too."""
    return [partial(_confirm, scene, await _sent(scene, scene.some_people.pop())) for _ in range(25)]


async def read(scene: Scene) -> Sequence[Call]:
    return [partial(_get, scene, f"/sessions/{each}", "session", 5) for each in random.sample(scene.some_sessions, 50)]


async def list_fifty(scene: Scene) -> Sequence[Call]:
    users = random.choices(scene.users_of_fifty, k=25)
    return [partial(_get, scene, f"/users/{user_id}/sessions", "sessions", 50) for user_id in users]


async def list_page(scene: Scene) -> Sequence[Call]:
    return [partial(_get, scene, f"/users/{scene.busiest}/sessions?limit=100", "sessions", 100)] * 25


async def list_all(scene: Scene) -> Sequence[Call]:
    return [partial(_get, scene, f"/users/{scene.busiest}/sessions", "sessions", 5000)] * 5


async def revoke_all(scene: Scene) -> Sequence[Call]:
    await scene.restore()
    return [partial(_end, scene, f"/users/{each}/sessions/revoke-all", {}) for each in scene.users_of_fifty]


async def block(scene: Scene) -> Sequence[Call]:
    await scene.restore()
    for user_id in scene.users_of_fifty:
        await _post(scene, "/user-blocks/remove", {"user_id": user_id})
    return [partial(_end, scene, "/user-blocks", {"user_id": each}) for each in scene.users_of_fifty]


OPERATIONS: Mapping[str, Operation] = {
    "confirm": confirm,
    "read": read,
    "list, 50 sessions": list_fifty,
    "list, 100 of 5,000": list_page,
    "list, all 5,000": list_all,
    "revoke-all, 50": revoke_all,
    "block, 50": block,
}


async def _sent(scene: Scene, person: int) -> dict[str, str]:
    """The body of the confirm for a new login code of that person."""
    path, email = "/api/v1/public/auth/send-email-code", f"person{person}@example.com"
    status, sent = await scene.public.post(path, {"email": email})
    assert status == 200, sent
    key = base64.b64encode(bytes([1]) + person.to_bytes(31, "little")).decode()
    code = await scene.codes.read(sent["challenge_id"])
    return {"challenge_id": sent["challenge_id"], "code": code, "client_public_key": key}


async def _confirm(scene: Scene, body: dict[str, str]) -> None:
    status, confirmed = await scene.public.post("/api/v1/public/auth/confirm-email-code", body)
    assert status == 200, confirmed


async def _get(scene: Scene, path: str, name: str, size: int) -> None:
    """`size` is the number of the rows that must be there, or of the fields at least."""
    answer = await scene.internal.get(_API + path)
    assert answer.status == 200, answer.body
    found = len(answer.json[name])
    assert found >= size if name == "session" else found == size, f"{found} instead of {size}"


async def _end(scene: Scene, path: str, subject: dict[str, str]) -> None:
    """All fifty sessions of somebody."""
    answer = await _post(scene, path, subject)
    assert answer["affected_session_count"] == 50, answer


async def _post(scene: Scene, path: str, subject: dict[str, str]) -> dict[str, Any]:
    status, answer = await scene.internal.post(_API + path, {**subject, **_CAUSE})
    assert status == 200, answer
    return answer
