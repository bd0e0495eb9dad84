"""The gateway as a node: it joins once, takes its configuration, tells its counts, and sends its traces."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import anyio

from clients.gateway.configured import CannotApply, ConfiguredGateway
from clients.node import (
    Applied,
    Configuration,
    ConfigurationRejected,
    Denied,
    Distrusted,
    Joined,
    Node,
    NodeSettings,
    Notice,
    NotKept,
    Reached,
    Rejected,
    Unreached,
    Waiting,
    open_node,
)
from contracts.gateway_configuration import KIND, GatewayConfiguration
from contracts.node.telemetry import PROTOBUF
from examples.gateway.redis_login import OwnLogin
from examples.gateway.traces import Traces

SOFTWARE: Final = "example-gateway/1"
START_PATIENCE: Final = 6.0
"""How long a start waits for the configuration of the run before, in seconds."""


@dataclass(frozen=True, slots=True)
class Membership:
    """How the gateway is a node. `folder` keeps its keys and its configuration; a join string is used once."""

    control_plane: str
    folder: Path
    name: str
    join_string: str | None = field(default=None, repr=False)

    @property
    def is_wanted(self) -> bool:
        """Whether a join string or the folder of an earlier run makes the gateway a node."""
        return self.join_string is not None or self.folder.exists()

    def settings(self) -> NodeSettings:
        """The settings of the node library. Raises `ValueError` for a bad name, URL or join string."""
        return NodeSettings(
            control_planes=(self.control_plane,),
            folder=self.folder,
            node_name=self.name,
            join_string=self.join_string,
            software=SOFTWARE,
        )


class Configured:
    """Applies the documents of the control plane to the gateway, and prints what becomes of them."""

    def __init__(self, gateway: ConfiguredGateway) -> None:
        self._gateway = gateway
        self._fault = ""

    async def apply(self, configuration: Configuration) -> None:
        """Swaps the gateway's configuration. Raises `ConfigurationRejected` with the reason for the operators."""
        document, content = next(configuration.documents(KIND), (None, None))
        try:
            self._gateway.apply(content)
        except CannotApply as problem:
            self._fault = str(problem)
            name = None if document is None else f"{KIND}/{document.name}"
            raise ConfigurationRejected("cannot_apply", self._fault, name) from None

    def tell(self, notice: Notice) -> None:
        match notice:
            case Joined(node_id, pool):
                say("joined", f"{node_id} in the pool {pool}")
            case Waiting():
                say("waiting", "an operator must approve this node")
            case Applied(position, source):
                say(
                    "applied",
                    f"sequence {position.sequence} from {source}: {described(self._gateway.current.configuration)}",
                )
            case Rejected(position, code):
                say("rejected", f"sequence {position.sequence}: {self._fault or code}")
            case Distrusted(why) | Unreached(why) | NotKept(why):
                say(type(notice).__name__.lower(), why)
            case Denied("invalid_join_token" as code):
                say(
                    "denied",
                    f"{code}: it is spent, expired or revoked; `authsession join-token create` prints a new one",
                )
            case Denied("node_name_taken" as code):
                say("denied", f"{code}: give this node another --name, or revoke the node that has it")
            case Denied(code):
                say("denied", code)
            case Reached():
                say("reached", "the control plane answers")
            case _:
                pass


@asynccontextmanager
async def open_membership(
    wanted: Membership,
    gateway: ConfiguredGateway,
    traces: Traces,
    login: OwnLogin,
    on_revoked: Callable[[], Awaitable[None]],
) -> AsyncGenerator[Node]:
    """A node that configures the gateway, and gives it a user of Redis, until the context ends."""
    configured = Configured(gateway)
    settings = replace(wanted.settings(), on_notice=configured.tell, on_revoked=on_revoked, report=gateway.report)
    had_configuration = (wanted.folder / "applied.json").exists()
    async with open_node(settings, configured.apply) as node, anyio.create_task_group() as tasks:

        async def send(body: bytes) -> int:
            return (await node.send_otlp("traces", body, PROTOBUF)).status

        login.use(node)
        tasks.start_soon(traces.run, send)
        if had_configuration:
            with anyio.move_on_after(START_PATIENCE):
                await node.ready()
        yield node
        tasks.cancel_scope.cancel()


def described(configuration: GatewayConfiguration) -> str:
    """The configuration in one line."""
    known_for = configuration.serve_known_for
    return (
        f"{configuration.mode}{'' if known_for is None else f' for {known_for} s'}, "
        f"freshness {configuration.freshness_window} s, replay {configuration.replay_window} s, "
        f"bodies of {configuration.max_body_bytes} bytes, {len(configuration.routes)} routes, "
        f"{len(configuration.cors_origins)} origins"
    )


def say(what: str, more: str) -> None:
    print(f"{what:11} {more}", flush=True)
