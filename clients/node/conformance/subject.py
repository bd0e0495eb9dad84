"""Our own node as a program for the examination: `python -m clients.node.conformance.subject [trio]`.

It reads one JSON object a line from stdin and answers with one line on stdout. README.md describes the questions.
"""

import base64
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import anyio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from clients.node.configuration import Configuration, ConfigurationRejected
from clients.node.identity import PrivateKeys
from clients.node.link import Denial, Reply, Unavailable
from clients.node.node import Node, open_node
from clients.node.notices import Distrusted, Notice
from clients.node.secrets import read_opened
from clients.node.settings import NodeSettings, Timing
from clients.node.trust import (
    NotTrusted,
    check_named,
    is_compatible,
    is_expired,
    read_manifest,
    read_statement,
)
from contracts.encoding import encode
from contracts.node.join import NodeKeys, join_proof_message, key_change_message, parse_join_string
from contracts.node.manifest import MAX_MANIFEST_BYTES, MAX_STATEMENT_BYTES, Manifest, Position, Statement
from contracts.node.secrets import decode_open_secrets
from contracts.node.signed import ConfigKey, Signed, read_config_keys, read_signed
from contracts.strict_json import decode_object

Question = Mapping[str, Any]


class Subject:
    """Answers questions. The caller closes `resources` at the end."""

    def __init__(self, resources: AsyncExitStack) -> None:
        self._resources = resources
        self._node: Node | None = None
        self._notices: list[Notice] = []
        self._applications = 0

    async def answer(self, question: Question) -> Mapping[str, object]:
        match question["ask"]:
            case "open":
                return await self._open(question)
            case "state":
                return self._state()
            case "secrets":
                return await self._secrets(question)
            case _:
                return _golden(question)

    async def _open(self, question: Question) -> Mapping[str, object]:
        """Opens a node and closes the previous one."""
        await self._resources.aclose()
        self._notices, self._applications = [], 0
        settings = NodeSettings(
            control_planes=tuple(question["control_planes"]),
            folder=Path(question["folder"]),
            node_name=question["node_name"],
            join_string=question["join_string"],
            on_notice=self._notices.append,
            timing=_timing(question),
        )
        self._node = await self._resources.enter_async_context(open_node(settings, self._apply))
        return {"opened": True}

    async def _apply(self, configuration: Configuration) -> None:
        self._applications += 1
        for document, content in configuration.documents("conformance"):
            if content.startswith(b'{"refuse":'):
                refused: Any = decode_object(content)["refuse"]
                raise ConfigurationRejected(refused["code"], refused["message"], f"{document.kind}/{document.name}")

    async def _secrets(self, question: Question) -> Mapping[str, object]:
        assert self._node is not None
        versions = [(each["secret_id"], each["version"]) for each in question["secrets"]]
        try:
            opened = await self._node.open_secrets(versions, question["for"])
        except Denial as refused:
            return {"refused": refused.code}
        except Unavailable as problem:
            return {"refused": problem.why}
        return {"values": [base64.b64encode(opened[each].bytes()).decode() for each in versions]}

    def _state(self) -> Mapping[str, object]:
        assert self._node is not None
        configuration = self._node.configuration
        manifest = None if configuration is None else configuration.manifest
        return {
            "is_ready": self._node.problem() is None,
            "position": None if manifest is None else list(manifest.position),
            "documents": {} if configuration is None else {
                document.name: base64.b64encode(content).decode() for document, content in configuration.documents()
            },
            "applications": self._applications,
            "secrets_kept": self._node.secrets_kept,
            "distrusted": [notice.why for notice in self._notices if isinstance(notice, Distrusted)],
        }  # fmt: skip


def _golden(question: Question) -> Mapping[str, object]:
    """The answer to a question of the golden data, which needs no node."""
    match question["ask"]:
        case "join_string":
            parts = parse_join_string(question["text"])
            refused = {"refused": True}
            return refused if parts is None else _named(parts, "join_token_id", "fingerprint")
        case "join_proof" | "key_change_proof":
            return {"proof": _proof(question)}
        case "manifest" | "statement":
            return _judged(question)
        case "secrets_delivered":
            return _delivered(question)
        case _:
            return {"error": "unknown question"}


def _timing(question: Question) -> Timing:
    pause = question["pause_ms"] / 1000
    return Timing(
        start_patience=question["start_patience_ms"] / 1000,
        first_pause=pause,
        max_pause=2 * pause,
        unready_pause=pause,
        poll_wait=question["poll_wait"],
        answer_timeout=question["answer_timeout_ms"] / 1000,
    )


def _proof(question: Question) -> str:
    keys = NodeKeys(*(base64.b64decode(question[name]) for name in ("node_public_key", "node_encryption_key")))
    if question["ask"] == "join_proof":
        message = join_proof_message(question["join_token_id"], keys)
    else:
        message = key_change_message(question["node_id"], keys)
    private_key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(question["signing_key_hex"]))
    return base64.b64encode(private_key.sign(message)).decode()


def _delivered(question: Question) -> Mapping[str, object]:
    signing = Ed25519PrivateKey.generate()  # a delivery is not for this key
    encryption = X25519PrivateKey.from_private_bytes(bytes.fromhex(question["encryption_key_hex"]))
    reply = Reply(encode(question["response"]), question["request_id"], 0, 0, is_by_next_keys=False)
    asked = decode_open_secrets(encode(question["request"]))
    config_keys = read_config_keys(question["config_keys"], "config_keys")
    try:
        opened = read_opened(reply, asked, question["node_id"], config_keys, [PrivateKeys(signing, encryption)])
    except NotTrusted as refused:
        return {"verdict": refused.why}
    return {"verdict": "accepted", "values": [base64.b64encode(opened[each]).decode() for each in asked.versions]}


def _judged(question: Question) -> Mapping[str, object]:
    keys = read_config_keys(question["config_keys"], "config_keys")
    try:
        if question["ask"] == "statement":
            signed = read_signed(question["signed"], "signed", MAX_STATEMENT_BYTES)
            names: dict[str, str] = {name: question[name] for name in ("node_id", "request_id", "pool")}
            statement = read_statement(signed, keys, **names)
            return {"verdict": "accepted", "position": list(statement.position), "digest": statement.digest}
        manifest = _manifest(question, read_signed(question["signed"], "signed", MAX_MANIFEST_BYTES), keys)
    except NotTrusted as refused:
        return {"verdict": refused.why}
    return {"verdict": "accepted", "documents": [each.digest for each in manifest.documents]}


def _manifest(question: Question, signed: Signed, keys: tuple[ConfigKey, ...]) -> Manifest:
    manifest = read_manifest(signed, keys, pool=question["pool"])
    check_named(manifest, signed, Statement("", "", "", Position(*question["position"]), question["digest"], 0))
    if not is_compatible(manifest):
        raise NotTrusted("incompatible")
    if is_expired(manifest, question["now_ms"]):
        raise NotTrusted("expired")
    return manifest


def _named(value: object, *names: str) -> Mapping[str, object]:
    return {name: getattr(value, name) for name in names}


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
