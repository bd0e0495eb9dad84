"""`/healthz` (the process lives) and `/readyz` (send it requests) of both services (SPEC §13.1)."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import trio

from contracts.encoding import encode
from shared.kernel.faults import DependencyUnavailable
from shared.web.exchange import Request, Response, Route

_log = logging.getLogger("authsession.web.health")
_CHECK_SECONDS = 3.0
_KEEP_SECONDS = 0.5

Check = Callable[[], Awaitable[None]]
"""Returns if all is well; raises `DependencyUnavailable` or `NotReady` if not. Cancelled when it takes too long."""


class NotReady(Exception):
    """A check that failed for a reason of ours: words such as `migrate` for a schema that is too old."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Report:
    """`status`: ready, degraded (only optional checks failed) or unavailable. `failures`: name to reason, or None."""

    status: str
    failures: Mapping[str, str | None]


class Readiness:
    """Collects checks. Results are kept for half a second and made once at a time: asking often costs nothing."""

    def __init__(self, is_draining: Callable[[], bool] = bool) -> None:
        self._is_draining = is_draining
        self._checks: dict[str, tuple[Check, bool]] = {}
        self._making = trio.Lock()
        self._results: dict[str, str | None] = {}
        self._made_at = float("-inf")

    def add(self, name: str, check: Check, *, is_required: bool) -> None:
        """Without a required check the process is unavailable, without another one degraded."""
        self._checks[name] = (check, is_required)

    async def report(self) -> Report:
        """The present state. Draining is seen at once: a balancer must not wait for a dependency to hear of it.

        Otherwise takes three seconds at most, and as long as a check that cannot be cancelled.
        """
        if self._is_draining():
            return Report("unavailable", dict(self._results))
        async with self._making:
            if trio.current_time() - self._made_at > _KEEP_SECONDS:
                self._results = await self._run_checks()
                self._made_at = trio.current_time()
        return Report(self._status(), dict(self._results))

    def _status(self) -> str:
        failed = [is_required for name, (_, is_required) in self._checks.items() if self._results[name] is not None]
        if self._is_draining() or any(failed):
            return "unavailable"
        return "degraded" if failed else "ready"

    async def _run_checks(self) -> dict[str, str | None]:
        results: dict[str, str | None] = dict.fromkeys(self._checks, "timeout")

        async def run(name: str, check: Check) -> None:
            with trio.move_on_after(_CHECK_SECONDS):
                results[name] = await _result(check)

        async with trio.open_nursery() as nursery:
            for name, (check, _) in self._checks.items():
                nursery.start_soon(run, name, check)
        return results


async def _result(check: Check) -> str | None:
    """The reason why the check failed; None if it did not."""
    try:
        await check()
    except (DependencyUnavailable, NotReady) as fault:
        return fault.reason
    except Exception as error:  # noqa: BLE001 - a bug in one check must not hide the others
        _log.exception("readiness check failed", exc_info=error)
        return "fault"
    return None


def health_routes(readiness: Readiness, *, shows_checks: bool) -> list[Route]:
    """Both routes. `shows_checks`: each check and why it failed, for listeners that the internet does not reach."""

    async def healthz(_: Request) -> Response:
        return Response(200, encode({"status": "ok"}))

    async def readyz(_: Request) -> Response:
        report = await readiness.report()
        body: dict[str, object] = {"status": report.status}
        if shows_checks:
            body["checks"] = {name: "ok" if reason is None else "failed" for name, reason in report.failures.items()}
            reasons = {name: reason for name, reason in report.failures.items() if reason is not None}
            body |= {"reasons": reasons} if reasons else {}
        return Response(503 if report.status == "unavailable" else 200, encode(body))

    return [Route("GET", "/healthz", healthz), Route("GET", "/readyz", readyz)]
