"""Scenarios in which answers are lost, clocks are wrong and sessions end."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol

from clients.js.conformance.server import CODE, HOST, AuthServer
from clients.node.conformance.loopback import Loopback

_REFUSALS: Final = (
    (401, "session_too_old"),
    (401, "invalid_signature"),
    (401, "request_replayed"),
    (401, "timestamp_out_of_window"),
    (403, "forbidden"),
    (429, "rate_limited"),
    (503, "sessions_unavailable"),
)


class Broken(Exception):
    """The client did something wrong. The message says what."""


class Program(Protocol):
    """The program as scenarios see it."""

    async def ask(self, question: Mapping[str, object]) -> Mapping[str, Any]:
        """Sends a question and returns the answer. Raises an exception if there is none."""
        ...


class Stage:
    """The program with a server of its own, and an empty storage."""

    def __init__(self, program: Program, server: AuthServer, loopback: Loopback) -> None:
        self.server = server
        self.loopback = loopback
        self._program = program

    async def open(self) -> None:
        await self._program.ask({"ask": "open", "base_url": self.loopback.url, "public_host": HOST})

    async def send(self) -> str:
        """The id of the challenge."""
        sent = await self._program.ask({"ask": "send_code", "email": "pilot@example.com"})
        if "challenge_id" not in sent:
            raise Broken(f"send_code answered {dict(sent)}")
        return sent["challenge_id"]

    async def confirm(self, challenge_id: str, code: str = CODE) -> Mapping[str, Any]:
        return await self._program.ask({"ask": "confirm_code", "challenge_id": challenge_id, "code": code})

    async def log_in(self, code: str = CODE) -> str:
        """The id of the session."""
        answer = await self.confirm(await self.send(), code)
        if answer.get("device_session_id") not in self.server.sessions:
            raise Broken(f"confirm_code answered {dict(answer)}")
        return answer["device_session_id"]

    async def call(self, method: str = "POST", target: str = "/orders?dry=1", body: bytes = b"{}") -> object:
        """The status of a signed call."""
        question = {"ask": "call", "method": method, "url": self.loopback.url + target, "body_hex": body.hex()}
        return (await self._program.ask(question)).get("status")

    async def log_out(self) -> None:
        await self._program.ask({"ask": "log_out"})

    async def expect_session(self, device_session_id: object) -> None:
        answer = await self._program.ask({"ask": "session"})
        if answer != {"device_session_id": device_session_id}:
            raise Broken(f"session answered {dict(answer)}, not {device_session_id}")

    async def expect_call(self, status: int, **call: Any) -> None:
        got = await self.call(**call)
        if got != status:
            raise Broken(f"a signed call got {got}, not {status}")


async def a_log_in_calls_and_a_log_out(stage: Stage) -> None:
    await stage.open()
    device_session_id = await stage.log_in()
    await stage.expect_call(200, method="GET", target="/", body=b"")
    await stage.expect_call(200, method="PUT", target="/a%20b/%C3%BC?q=%2F&x=1", body=bytes(range(256)))
    await stage.expect_call(200, method="DELETE", target="/orders", body=b"")
    await stage.expect_session(device_session_id)
    await stage.log_out()
    await stage.expect_session(None)
    if stage.server.ended != set(stage.server.sessions):
        raise Broken("log_out did not end the session at the server")


async def a_code_may_be_typed_with_a_space(stage: Stage) -> None:
    await stage.open()
    await stage.log_in(f"{CODE[:3]} {CODE[3:]}")


async def a_lost_answer_of_the_confirm_is_repeated_with_the_same_key(stage: Stage) -> None:
    """The client may repeat by itself, or at the next call of the app with the same code."""
    stage.server.lost_answers = 1
    await stage.open()
    challenge_id = await stage.send()
    answer = await stage.confirm(challenge_id)
    if "device_session_id" not in answer:
        answer = await stage.confirm(challenge_id)
    if answer.get("device_session_id") not in stage.server.sessions:
        raise Broken(f"confirm_code answered {dict(answer)}")
    if len({body["client_public_key"] for body in stage.server.confirms}) != 1:
        raise Broken("the repeat had another key")


async def a_server_without_a_public_host_gets_no_proof(stage: Stage) -> None:
    stage.server.checks_proofs = False
    await stage.open()
    await stage.log_in()


async def a_clock_that_is_behind_by_ten_minutes_goes_unnoticed(stage: Stage) -> None:
    await _with_a_wrong_clock(stage, 600_000)


async def a_clock_that_is_ahead_by_ten_minutes_goes_unnoticed(stage: Stage) -> None:
    await _with_a_wrong_clock(stage, -600_000)


async def a_clock_that_changes_costs_one_repeat(stage: Stage) -> None:
    """The server's clock moves after the log-in, so that what the client learned there is wrong."""
    await stage.open()
    await stage.log_in()
    stage.server.ahead_ms = 600_000
    await stage.expect_call(200)
    if len(stage.server.request_ids) != 2:
        raise Broken(f"the call was sent {len(stage.server.request_ids)} times, not twice")
    await stage.expect_call(200)
    if len(stage.server.request_ids) != 3:
        raise Broken("the second call was sent more than once")


async def a_revoked_session_is_forgotten(stage: Stage) -> None:
    await _forgotten(stage, "session_revoked")


async def an_unknown_session_is_forgotten(stage: Stage) -> None:
    await _forgotten(stage, "session_unknown")


async def other_refusals_forget_nothing(stage: Stage) -> None:
    await stage.open()
    device_session_id = await stage.log_in()
    for status, code in _REFUSALS:
        stage.server.refuses = (status, code)
        await stage.expect_call(status)
        await stage.expect_session(device_session_id)


async def a_log_out_forgets_the_key_also_when_the_server_is_away(stage: Stage) -> None:
    await stage.open()
    await stage.log_in()
    stage.loopback.stop()
    await stage.log_out()
    await stage.expect_session(None)


async def _with_a_wrong_clock(stage: Stage, ahead_ms: int) -> None:
    stage.server.ahead_ms = ahead_ms
    await stage.open()
    await stage.log_in()
    await stage.expect_call(200)


async def _forgotten(stage: Stage, code: str) -> None:
    await stage.open()
    await stage.log_in()
    stage.server.refuses = (401, code)
    await stage.expect_call(401)
    await stage.expect_session(None)


Scenario = Callable[[Stage], Awaitable[None]]
SCENARIOS: Final[tuple[Scenario, ...]] = (
    a_log_in_calls_and_a_log_out,
    a_code_may_be_typed_with_a_space,
    a_lost_answer_of_the_confirm_is_repeated_with_the_same_key,
    a_server_without_a_public_host_gets_no_proof,
    a_clock_that_is_behind_by_ten_minutes_goes_unnoticed,
    a_clock_that_is_ahead_by_ten_minutes_goes_unnoticed,
    a_clock_that_changes_costs_one_repeat,
    a_revoked_session_is_forgotten,
    an_unknown_session_is_forgotten,
    other_refusals_forget_nothing,
    a_log_out_forgets_the_key_also_when_the_server_is_away,
)
