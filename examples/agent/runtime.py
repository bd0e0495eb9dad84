"""The agents of a configuration, and what the runtime does for each of them. No line that it prints has a secret."""

import json
import time
import uuid
from collections.abc import Mapping
from typing import Final

import anyio
import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from clients.gateway.signature import Signer
from clients.node import (
    Configuration,
    ConfigurationRejected,
    Denial,
    Denied,
    Joined,
    Node,
    Notice,
    Unavailable,
    Unreached,
    Waiting,
)
from contracts.agent_document import KIND, AgentDocument, decode_agent_document
from contracts.errors import Refusal
from contracts.signed_request import encode_envelope

EVERY: Final = 1.0
"""Seconds between two calls of an agent."""
_OK, _REFUSED = 200, 401


def say(what: str, more: str) -> None:
    print(f"{what:11} {more}".rstrip(), flush=True)


class Runtime:
    """Calls go to the gateway at this URL."""

    def __init__(self, gateway: str) -> None:
        self._gateway = gateway
        self._agents: Mapping[str, AgentDocument] = {}
        self._configuration: Configuration | None = None
        self._changed = anyio.Event()
        self._revoked = anyio.Event()

    async def apply(self, configuration: Configuration) -> None:
        """Takes over the agents of a configuration. Raises `ConfigurationRejected` for one that it cannot read."""
        agents: dict[str, AgentDocument] = {}
        for document, content in configuration.documents(KIND):
            try:
                agent = decode_agent_document(content)
            except Refusal as refusal:
                raise ConfigurationRejected("cannot_read", refusal.message, f"{KIND}/{document.name}") from None
            if self._agents.get(agent.agent_id) != agent:
                say("prompt", f"{document.name} version {document.version}: {_first_line(agent.prompt)}")
            agents[agent.agent_id] = agent
        if not agents:
            say("no agent", "none is active in this pool")
        self._agents, self._configuration = agents, configuration
        self._changed.set()
        self._changed = anyio.Event()

    def tell(self, notice: Notice) -> None:
        """Prints the notices that a person at the terminal needs."""
        match notice:
            case Joined(node_id, pool):
                say("joined", f"{node_id} in the pool {pool}")
            case Waiting():
                say("waiting", "an operator must approve this node")
            case Denied(code) | Unreached(code):
                say(type(notice).__name__.lower(), code)
            case _:
                pass

    async def on_revoked(self) -> None:
        """Ends `run`. The node library has wiped the secrets."""
        say("revoked", "the control plane revoked this node")
        self._revoked.set()

    async def run(self, node: Node) -> None:
        """Serves each active agent, until the node is revoked."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._serve_all, node)
            await self._revoked.wait()
            tasks.cancel_scope.cancel()

    async def _serve_all(self, node: Node) -> None:
        """Begins with each agent that appears in the configuration."""
        running: set[str] = set()
        async with anyio.create_task_group() as tasks:
            while True:
                changed = self._changed
                for agent_id in self._agents.keys() - running:
                    running.add(agent_id)
                    tasks.start_soon(self._live, node, agent_id, running)
                await changed.wait()

    async def _live(self, node: Node, agent_id: str, running: set[str]) -> None:
        """Serves an agent until the configuration no longer has it."""
        while (agent := self._agents.get(agent_id)) is not None:
            try:
                await self._serve(node, agent)
            except (Denial, Unavailable) as problem:
                say("refused", f"{agent_id}: {problem}")
            await anyio.sleep(EVERY)
        running.discard(agent_id)

    async def _serve(self, node: Node, agent: AgentDocument) -> None:
        """Opens secrets, asks the model, registers a key, and calls until a call is refused."""
        secrets = await self._open(node, agent)
        for name in agent.secrets:
            say("secret", f"{name} {'opened' if name in secrets else 'is not to be had'}")
        await self._ask_model(agent, secrets)
        key = Ed25519PrivateKey.generate()
        session_id = await node.register_agent_key(agent.agent_id, key.public_key().public_bytes_raw())
        say("registered", f"{session_id} of {agent.agent_id}")
        await self._call(Signer(session_id, key))

    async def _open(self, node: Node, agent: AgentDocument) -> Mapping[str, str]:
        """The texts by name; the key of the model is `API_KEY`. They live as long as this agent is served."""
        configuration = self._configuration
        assert configuration is not None, "an agent comes from a configuration"
        names = {secret_id: name for name, secret_id in agent.secrets.items()}
        if agent.model is not None:
            names |= {secret_id: name.upper() for name, secret_id in agent.model.connection.secrets.items()}
        wanted = {
            (each.secret_id, each.version): names[each.secret_id]
            for each in configuration.manifest.secrets
            if each.reader == agent.agent_id and each.secret_id in names
        }
        opened = await node.open_secrets(list(wanted), agent.agent_id) if wanted else {}
        return {wanted[reference]: secret.text() for reference, secret in opened.items()}

    async def _ask_model(self, agent: AgentDocument, secrets: Mapping[str, str]) -> None:
        """One completion, if the agent has a model of a kind that this example speaks."""
        if agent.model is None or agent.model.connection.kind != "openai_compatible":
            return
        model, url = agent.model, str(agent.model.connection.settings["base_url"]).rstrip("/")
        messages = [{"role": "system", "content": agent.prompt}, {"role": "user", "content": "Hello"}]
        key = {"authorization": f"Bearer {secrets.get('API_KEY', '')}"}
        try:
            async with httpx.AsyncClient(timeout=10) as http:
                answer = await http.post(
                    f"{url}/chat/completions", json={"model": model.model, "messages": messages}, headers=key
                )
            said = (
                answer.json()["choices"][0]["message"]["content"] if answer.status_code == _OK else answer.status_code
            )
        except (httpx.HTTPError, ValueError, LookupError, TypeError):
            said = "no answer"
        say("model", f"{model.model}: {said}")

    async def _call(self, signer: Signer) -> None:
        """Signs `GET /whoami` each second, and prints each answer that differs from the one before."""
        told = ""
        async with httpx.AsyncClient(timeout=10) as http:
            while True:
                envelope = signer.sign(
                    "GET /whoami", b"", timestamp_ms=time.time_ns() // 1_000_000, request_id=uuid.uuid4().hex
                )
                try:
                    answer = await http.get(f"{self._gateway}/whoami", headers=encode_envelope(envelope))
                    status, line = answer.status_code, f"{answer.status_code} {_shown(answer)}"
                except httpx.TransportError:
                    status, line = 0, f"nothing answers at {self._gateway}"
                if line != told:
                    say("call", line)
                    told = line
                if status == _REFUSED:
                    return
                await anyio.sleep(EVERY)


def _shown(answer: httpx.Response) -> str:
    """The user of an answer, or the code of a refusal."""
    try:
        body = answer.json()
        return body["error"]["code"] if "error" in body else json.dumps(body["user_id"])
    except (ValueError, LookupError, TypeError):
        return ""


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0][:100]
