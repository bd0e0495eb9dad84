"""The route by which nodes open secrets."""

from datetime import timedelta

from contracts.errors import ErrorCode, Refusal
from contracts.node.names import SECRETS_PATH
from contracts.node.secrets import decode_open_secrets
from services.internal_admin.callers.access import SignedByNode
from services.internal_admin.callers.identity import Caller, NodeCaller
from services.internal_admin.callers.route import MINUTE, NodeRoute, PerNode
from services.internal_admin.node_secrets.flow import KeyMissing, SecretOpener
from shared.web.exchange import Request, Response
from shared.web.refusals import refusal

_KEYS_TAKE = timedelta(minutes=1)


class NodeSecretsApi:
    """Answers with sealed values, or with a refusal that opened none."""

    def __init__(self, opener: SecretOpener) -> None:
        self._opener = opener

    async def open(self, request: Request, node: NodeCaller) -> Response:
        asked = decode_open_secrets(request.body)
        if not self._opener.config_keys:
            return refusal(ErrorCode.SIGNING_KEYS_MISSING, retry_after=_KEYS_TAKE)
        caller = Caller(node.name, request.client.network.text, node.request_id)
        try:
            return Response(200, await self._opener.open(asked, node, caller, request.keep_memory))
        except KeyMissing:
            return refusal(ErrorCode.SECRET_KEYS_MISSING, retry_after=_KEYS_TAKE)


def secrets_of(request: Request) -> int:
    """How many secrets a request asks for. One that is refused for its form counts once."""
    try:
        return len(decode_open_secrets(request.body).versions)
    except Refusal:
        return 1


ROUTES = (
    NodeRoute(
        "POST",
        SECRETS_PATH,
        NodeSecretsApi.open,
        access=SignedByNode(),
        limit=PerNode("node_secrets", 600, MINUTE, secrets_of),
        accepts_body=True,
    ),
)
