"""The node becomes a member: with a join string, once, or as a node that an operator registered."""

from dataclasses import dataclass

from anyio.to_thread import run_sync

from clients.node.disk import Folder
from clients.node.identity import MAX_FILE_BYTES, Identity, Member
from clients.node.link import Ask, Link
from clients.node.notices import Joined, NotKept, OnNotice
from clients.node.server_clock import ServerClock
from clients.node.settings import NodeSettings
from clients.node.trust import NotTrusted, key_with
from contracts.errors import Refusal
from contracts.node.join import (
    JoinAnswer,
    JoinString,
    decode_join,
    decode_join_answer,
    encode_join,
    join_proof_message,
    parse_join_string,
)
from contracts.node.names import JOIN_PATH, is_node_id

_REQUEST = "join.json"
_MOST_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class Joining:
    """Makes the node a member. `folder` keeps the request until its answer is kept."""

    settings: NodeSettings
    folder: Folder
    identity: Identity
    clock: ServerClock
    on_notice: OnNotice

    def prepare(self) -> None:
        """Takes the membership from the settings, if an operator registered the node. Blocks.

        Raises `ValueError` if the node has no way to join.
        """
        registered = self.settings.registered
        if self.identity.member is not None:
            return
        if self.identity.is_damaged:
            self.on_notice(NotKept("damaged"))
        if registered is not None:
            self.identity.enter(Member(registered.node_id, registered.pool, registered.config_keys))
        elif self.settings.join_string is None and self._kept_request() is None:
            raise ValueError("a node that has not joined needs join_string or registered in its settings")

    async def join(self, link: Link) -> bool:
        """Asks once, and returns whether the control plane has approved the node.

        A repeat sends the very same bytes, so a lost answer costs nothing. Raises `NotTrusted`, `Unavailable` and
        `Denial`.
        """
        asked, body = await run_sync(self._request)
        timeout = self.settings.timing.answer_timeout
        reply = await link.ask(Ask("POST", JOIN_PATH, body, _MOST_BYTES, timeout, is_signed=False))
        try:
            answer = decode_join_answer(reply.body)
        except Refusal:
            raise NotTrusted("malformed_answer") from None
        key_with(asked.fingerprint, answer.config_keys)
        self.clock.learn(answer.server_time_ms, sent_ms=reply.sent_ms, received_ms=reply.received_ms)
        await run_sync(self._enter, answer)
        self.on_notice(Joined(answer.node.node_id, answer.node.pool))
        return answer.node.status == "active"

    def _request(self) -> tuple[JoinString, bytes]:
        """The join string's parts and the body to send. It is on disk before it is sent."""
        text = self.settings.join_string
        asked = None if text is None else parse_join_string(text)
        kept = self._kept_request()
        if kept is not None and asked in (None, kept[0]):
            return kept
        assert asked is not None  # see `prepare`
        assert text is not None
        keys = self.identity.keys
        proof = keys.signing.sign(join_proof_message(asked.join_token_id, keys.public))
        body = encode_join(text, self.settings.node_name, keys.public, self.settings.software, proof)
        self.folder.save(_REQUEST, body)
        return asked, body

    def _kept_request(self) -> tuple[JoinString, bytes] | None:
        body = self.folder.read(_REQUEST, MAX_FILE_BYTES)
        try:
            kept = None if body is None else decode_join(body)
        except Refusal:
            return None
        is_ours = kept is not None and kept.keys == self.identity.keys.public
        return (
            None if body is None or kept is None or kept.join_token is None or not is_ours else (kept.join_token, body)
        )

    def _enter(self, answer: JoinAnswer) -> None:
        if not is_node_id(answer.node.node_id):
            raise NotTrusted("malformed_answer")
        self.identity.enter(Member(answer.node.node_id, answer.node.pool, answer.config_keys))
        self.folder.remove(_REQUEST)
        self.folder.sync()
