"""The route by which a node gets its user of Redis."""

from datetime import timedelta

from contracts.errors import ErrorCode, Refusal
from contracts.node.names import REDIS_USER_PATH
from contracts.node.redis_user import REDIS_USER_MARKER, RedisUser, encode_redis_user, redis_user_frame
from services.internal_admin.callers.access import SignedByNode
from services.internal_admin.callers.identity import Caller, NodeCaller
from services.internal_admin.callers.route import MINUTE, NodeRoute, PerNode
from services.internal_admin.callers.secret import Secret, new_secret
from services.internal_admin.node_redis_users.domain import Renewed, username_of
from services.internal_admin.node_redis_users.flow import NodeUsers
from shared.kernel.config_keys import ConfigKeys
from shared.kernel.delivery import seal_to_node
from shared.kernel.entropy import Entropy
from shared.kernel.faults import Overloaded
from shared.web.exchange import Request, Response
from shared.web.refusals import refusal

_KEYS_TAKE = timedelta(minutes=1)


class RedisUserApi:
    """`users` is None where the setting is off. `keys` sign the answer; it may be empty."""

    def __init__(self, users: NodeUsers | None, keys: ConfigKeys, entropy: Entropy) -> None:
        self._users = users
        self._keys = keys
        self._entropy = entropy

    async def renew(self, request: Request, node: NodeCaller) -> Response:
        """A new password, each time. If the answer is lost, the node asks again."""
        if self._users is None:
            raise Refusal(ErrorCode.NODE_REDIS_USERS_OFF)
        if not self._keys:
            return refusal(ErrorCode.SIGNING_KEYS_MISSING, retry_after=_KEYS_TAKE)
        password = new_secret(self._entropy)
        caller = Caller(node.name, request.client.network.text, node.request_id)
        match await self._users.renew(node.node_id, password.hash, node.signed_at_ms, caller):
            case Renewed.MADE:
                return Response(200, encode_redis_user(self._sealed(node, password)))
            case Renewed.SUPERSEDED:
                raise Overloaded
            case Renewed.REVOKED:
                raise Refusal(ErrorCode.NODE_REVOKED)

    def _sealed(self, node: NodeCaller, password: Secret) -> RedisUser:
        username = username_of(node.node_id)
        sealed = seal_to_node(
            password.text.encode(),
            encryption_key=node.encryption_key,
            key_generation=node.key_generation,
            marker=REDIS_USER_MARKER,
            frame=redis_user_frame(node.node_id, node.request_id, node.key_generation, username),
            keys=self._keys,
        )
        return RedisUser(username, sealed)


ROUTES = (
    NodeRoute(
        "POST",
        REDIS_USER_PATH,
        RedisUserApi.renew,
        access=SignedByNode(),
        limit=PerNode("node_redis_user", 6, MINUTE),
    ),
)
