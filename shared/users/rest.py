"""Calls to the user service over HTTP, by the contract of SPEC §8. An answer that breaks the contract is not used."""

import logging
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from time import perf_counter
from typing import Literal, TypeVar

from contracts import user_service as contract
from contracts.user_service import EnsureByEmail, Ensured, MalformedAnswer, RegistrationContext, Resolution
from shared.config.user_service import UserServiceSettings
from shared.io.circuit import Circuit, CircuitOpen, NeighbourDown
from shared.io.http_client import Answer, HttpClient, NoAnswer, open_http_client
from shared.kernel.faults import DependencyUnavailable
from shared.kernel.request_id import current_request_id
from shared.users.metrics import CALL_DURATION, CIRCUIT_OPEN

T = TypeVar("T")
NAME = "user_service"

_OK, _NOT_FOUND = 200, 404
_DONE = (200, 204)
_DOWN = frozenset({429, 502, 503, 504})
"""Statuses that mean the service serves nobody. Others, also 500, may concern one address only. A stranger who finds
such an address must not be able to open the circuit for everybody."""

_log = logging.getLogger("authsession.users.rest")


class RestDirectory:
    """A `shared.users.directory.UserDirectory`. Made by `open_user_directory`."""

    def __init__(self, client: HttpClient, circuit: Circuit, *, timeout: timedelta) -> None:
        """`timeout` is the maximum duration of one call. An earlier deadline of the caller also holds."""
        self._client = client
        self._circuit = circuit
        self.timeout = timeout

    async def resolve_by_email(self, email: str) -> Resolution:
        body = contract.encode_resolve_by_email(email)
        with self._observed("resolve"):
            return _decoded(await self._call("POST", contract.RESOLVE_BY_EMAIL, body), contract.decode_resolution)

    async def ensure_by_email(self, email: str, registration: RegistrationContext) -> Ensured:
        body = contract.encode_ensure_by_email(EnsureByEmail(email, registration))
        with self._observed("ensure"):
            return _decoded(await self._call("POST", contract.ENSURE_BY_EMAIL, body), contract.decode_ensured)

    async def exists(self, user_id: str) -> bool:
        """Whether there is such a user. Text that cannot be an id is False, without a call."""
        if not contract.is_id_of_a_person(user_id):
            return False
        with self._observed("exists"):
            answer = await self._call("GET", contract.user_exists_path(user_id))
            return answer.status != _NOT_FOUND and _decoded(answer, contract.decode_exists)

    async def block_user(self, user_id: str, reason_code: str) -> bool:
        with self._observed("block_user"):
            return await self._block(contract.block_user_path(user_id), contract.encode_block_user(reason_code))

    async def block_email(self, email: str, reason_code: str) -> bool:
        with self._observed("block_email"):
            return await self._block(contract.BLOCK_BY_EMAIL, contract.encode_block_by_email(email, reason_code))

    async def _block(self, path: str, body: bytes) -> bool:
        """Block, and judge only the status: by the contract the answer has no body."""
        answer = await self._call("POST", path, body)
        if answer.status == _NOT_FOUND:
            return False
        if answer.status not in _DONE:
            raise _Unusable("status")
        return True

    async def _call(self, method: Literal["GET", "POST"], path: str, body: bytes | None = None) -> Answer:
        request_id = current_request_id.get()
        headers = {} if request_id is None else {"x-request-id": request_id}
        with self._circuit.call():
            try:
                answer = await self._client.call(method, path, timeout=self.timeout, body=body, headers=headers)
            except NoAnswer as fault:
                raise (_Unusable("malformed") if fault.is_unusable else _Down(fault.failure)) from None
            if answer.status in _DOWN:
                raise _Down("status")
            return answer

    @contextmanager
    def _observed(self, operation: str) -> Generator[None]:
        """Count a call, and turn each of its faults into `DependencyUnavailable`."""
        started, outcome = perf_counter(), "answered"
        try:
            yield
        except (_Down, _Unusable) as fault:
            outcome = fault.reason
            _log.warning("user service call failed", extra={"reason": outcome})
            raise DependencyUnavailable(NAME) from None
        except CircuitOpen as fault:
            outcome = "circuit_open"
            raise DependencyUnavailable(NAME, max(fault.retry_after, timedelta(seconds=1))) from None
        except BaseException:
            outcome = "cancelled"
            raise
        finally:
            CALL_DURATION.record(perf_counter() - started, {"operation": operation, "outcome": outcome})
            CIRCUIT_OPEN.set(int(self._circuit.is_open))


class _Down(NeighbourDown):
    """No answer came, or its status means that the service serves nobody."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _Unusable(Exception):
    """The answer breaks the contract or contradicts itself."""

    def __init__(self, reason: Literal["status", "malformed"]) -> None:
        super().__init__(reason)
        self.reason = reason


def _decoded(answer: Answer, decode: Callable[[bytes], T]) -> T:
    if answer.status != _OK:
        raise _Unusable("status")
    try:
        return decode(answer.body)
    except MalformedAnswer:
        raise _Unusable("malformed") from None


@asynccontextmanager
async def open_user_directory(settings: UserServiceSettings | None) -> AsyncGenerator[RestDirectory | None]:
    """The user service, or None in mode `stub`. Does not connect, so that a process can start without the service."""
    if settings is None:
        yield None
        return
    async with open_http_client(settings.base_url) as client:
        yield RestDirectory(client, Circuit(), timeout=settings.timeout)
