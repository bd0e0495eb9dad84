"""Does the time of a send reveal the kind of an e-mail (probe g)? AUC of pairs, against unknown e-mails.

Limits per network are off here, because they would answer before the system looks at the e-mail.
"""

import statistics
import time

from bench.clients import HttpClient
from bench.peers.evidence import Evidence
from bench.peers.scene import Scene
from bench.peers.system import Login, Unexpected
from bench.send_time import auc


async def send_times(scene: Scene, evidence: Evidence, pairs: int) -> dict[str, str]:
    """AUC and medians by kind: 0.5 tells nothing, 0 or 1 everything."""
    known = await scene.users(2 * pairs)
    results = {"known": await _compared(scene, "known", known[:pairs])}
    if await evidence.block(scene.running.dsn, known[pairs:]):
        results["blocked"] = await _compared(scene, "blocked", known[pairs:])
    throttled = await evidence.throttled(scene.running.dsn, pairs)
    if throttled:
        results["throttled"] = await _compared(scene, "throttled", throttled)
    return results


async def _compared(scene: Scene, kind: str, emails: list[str]) -> str:
    """One of each in turn, the first of a pair alternating."""
    [client] = scene.running.clients(1)
    times: tuple[list[float], list[float]] = ([], [])
    for number, email in enumerate(emails):
        pair = (email, f"unknown-{kind}-{number}@example.com")
        for side in (0, 1) if number % 2 else (1, 0):
            times[side].append(await _time(scene, client, pair[side]))
    client.close()
    medians = [statistics.median(side) * 1000 for side in times]
    return f"{auc(*times):.2f} ({medians[0]:.1f} and {medians[1]:.1f} ms)"


async def _time(scene: Scene, client: HttpClient, email: str) -> float:
    started = time.perf_counter()
    answer = await scene.system.send(client, Login(email, is_new_user=False))
    seconds = time.perf_counter() - started
    if not scene.system.is_sent(answer):
        raise Unexpected(answer.body.decode())
    return seconds
