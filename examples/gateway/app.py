"""What stands behind the gateway: an ASGI app that may believe `scope["device_session"]`."""

import json

from clients.gateway.middleware import SESSION_KEY, Receive, Scope, Send
from contracts.gateway import GatewayRecord


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """`GET /whoami` and anything else: who asked."""
    if scope["type"] == "lifespan":
        await live(receive, send)
        return
    session: GatewayRecord = scope[SESSION_KEY]
    body = json.dumps({"user_id": session.user_id, "device_session_id": session.device_session_id}).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": body})


async def live(receive: Receive, send: Send) -> None:
    """Nothing to set up or to end (ASGI lifespan protocol)."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
