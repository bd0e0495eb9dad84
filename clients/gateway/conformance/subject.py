"""Our own gateway as a program for the examination: `python -m clients.gateway.conformance.subject [trio]`.

It reads one JSON object a line from stdin and answers with one line on stdout. README.md describes the questions.
"""

import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import asdict
from typing import Any

import anyio

from clients.gateway.modes import FailClosed
from clients.gateway.redis_server import RedisServer
from clients.gateway.replay import Taken
from clients.gateway.request_check import RequestCheck
from clients.gateway.session_cache import (
    Active,
    Answer,
    Revoked,
    SessionCache,
    Unavailable,
    Unknown,
    open_session_cache,
)
from contracts.encoding import encode
from contracts.errors import Refusal
from contracts.gateway import GatewayRecord, MalformedRecord, decode_record, decode_stream_entry
from contracts.gateway_configuration import (
    decode_gateway_configuration,
    encode_gateway_configuration,
    is_too_old,
    read_gateway_configuration,
)
from contracts.signed_request import RequestRefusal, http_message_type, signed_bytes
from contracts.strict_json import decode_object

Question = Mapping[str, Any]


class Subject:
    """Answers questions. The caller closes `resources` at the end."""

    def __init__(self, resources: AsyncExitStack) -> None:
        self._resources = resources
        self._cache: SessionCache | None = None

    async def answer(self, question: Question) -> Mapping[str, object]:
        match question["ask"]:
            case "signed_bytes":
                return {"message_hex": _signed_bytes(question).hex()}
            case "record" | "stream_entry":
                return _decoded(question)
            case "check":
                return {"verdict": await _verdict(question)}
            case "open":
                return await self._open(question)
            case "find":
                assert self._cache is not None
                return {"answer": type(await self._cache.find(question["device_session_id"])).__name__.lower()}
            case _:
                return _configured(question)

    async def _open(self, question: Question) -> Mapping[str, object]:
        """Opens a new cache and closes the previous one."""
        await self._resources.aclose()
        server = RedisServer.at(question["redis"])
        mode = FailClosed(question["patience_ms"] / 1000)
        cache = open_session_cache(server, mode=mode, watch=question["watch_ms"] / 1000)
        self._cache = await self._resources.enter_async_context(cache)
        return {"opened": True}


class _Told:
    """Sessions and replays in the state that the question gives."""

    def __init__(self, question: Question) -> None:
        self._question = question

    async def find(self, device_session_id: str) -> Answer:
        key: str = self._question["client_public_key"]
        match self._question["session"]:
            case "active":
                return Active(GatewayRecord(device_session_id, "user-123", key, "active"))
            case "revoked":
                return Revoked(GatewayRecord(device_session_id, "user-123", key, "revoked", 1))
            case "unknown":
                return Unknown()
            case _:
                return Unavailable("not_connected")

    async def take(self, device_session_id: str, request_id: str) -> Taken:
        del device_session_id, request_id
        return "replayed" if self._question["is_replayed"] else "taken"


async def _verdict(question: Question) -> str:
    told, request = _Told(question), question["request"]
    now: float = question["now_ms"] / 1000
    check = RequestCheck(told, told, window=question["window_ms"] / 1000, clock=lambda: now)
    headers = [(name.encode(), value.encode()) for name, value in request["headers"]]
    claim = await check.identify(headers)
    if isinstance(claim, RequestRefusal):
        return claim.value
    message_type = http_message_type(request["method"], *_target(request["target"]))
    verdict = await check.prove(claim, message_type, bytes.fromhex(request["body_hex"]))
    return verdict.value if isinstance(verdict, RequestRefusal) else "accepted"


def _target(target: str) -> tuple[bytes, bytes]:
    path, _, query = target.encode().partition(b"?")
    return path, query


def _signed_bytes(question: Question) -> bytes:
    return signed_bytes(
        device_session_id=question["device_session_id"],
        message_type=question["message_type"],
        timestamp_ms=question["timestamp_ms"],
        request_id=question["request_id"],
        payload_hash=bytes.fromhex(question["payload_hash_hex"]),
    )


def _decoded(question: Question) -> Mapping[str, object]:
    try:
        is_entry = question["ask"] == "stream_entry"
        record = decode_stream_entry(question["fields"]) if is_entry else decode_record(question["value"].encode())
    except MalformedRecord:
        return {"refused": True}
    return {"record": {name: value for name, value in asdict(record).items() if value is not None}}


def _configured(question: Question) -> Mapping[str, object]:
    match question["ask"]:
        case "rule":
            configuration = read_gateway_configuration({"routes": question["routes"]})
            rule = configuration.route_for(question["method"], question["path"])
            return {"requires": rule.requires, "max_session_age": rule.max_session_age}
        case "age":
            age = question["max_session_age"]
            return {"is_too_old": is_too_old(question["device_session_id"], age, question["now_ms"])}
        case "configuration":
            return _configuration(question)
        case _:
            return {"error": "unknown question"}


def _configuration(question: Question) -> Mapping[str, object]:
    try:
        configuration = decode_gateway_configuration(encode(question["document"]))
    except Refusal:
        return {"refused": True}
    return {"configuration": decode_object(encode_gateway_configuration(configuration))}


async def main() -> None:
    """Answers until stdin ends."""
    async with AsyncExitStack() as resources:
        subject = Subject(resources)
        lines = anyio.wrap_file(sys.stdin)
        async for line in lines:
            answer = encode(await subject.answer(decode_object(line.encode())))
            sys.stdout.write(answer.decode() + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    anyio.run(main, backend=sys.argv[1] if len(sys.argv) > 1 else "asyncio")
