"""`/healthz` and `/readyz` of both services: the process runs, and it can serve requests (SPEC §13.1)."""

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
"""A function that raises `DependencyUnavailable` or `NotReady` if the check fails. It is cancelled after 3 seconds."""


class NotReady(Exception):
    """A failed check. `reason` is our own word, such as `migrate` for a schema that is too old."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Report:
    """The result of all checks. `status` is ready, degraded or unavailable; degraded if only optional checks failed.

    `failures` has the reason of each check by name, None if it passed.
    """

    status: str
    failures: Mapping[str, str | None]


class Readiness:
    """Runs checks, once at a time, and keeps the results for half a second, so that frequent requests cost nothing."""

    def __init__(self, is_draining: Callable[[], bool] = bool) -> None:
        self._is_draining = is_draining
        self._checks: dict[str, tuple[Check, bool]] = {}
        self._making = trio.Lock()
        self._results: dict[str, str | None] = {}
        self._made_at = float("-inf")

    def add(self, name: str, check: Check, *, is_required: bool) -> None:
        """Add a check. If it fails, the process is unavailable if `is_required`, else degraded."""
        self._checks[name] = (check, is_required)

    async def report(self) -> Report:
        """The present state. While draining it returns at once, so that no load balancer waits for a dependency.

        Otherwise it takes three seconds at most, or as long as a check that cannot be cancelled.
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
    """The reason of a failed check, or None."""
    try:
        await check()
    except (DependencyUnavailable, NotReady) as fault:
        return fault.reason
    except Exception as error:  # noqa: BLE001 - a bug in one check must not hide the others
        _log.exception("readiness check failed", exc_info=error)
        return "fault"
    return None


def health_routes(readiness: Readiness, *, shows_checks: bool) -> list[Route]:
    """The two routes. `shows_checks` adds each check and its reason, for listeners that the internet does not reach."""

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
