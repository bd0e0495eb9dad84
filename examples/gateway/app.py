"""The ASGI app behind the gateway. It may trust `scope["device_session"]`."""

import json

from clients.gateway.middleware import SESSION_KEY, Receive, Scope, Send
from contracts.gateway import GatewayRecord


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers every request with the caller's user and session. Both are null on a route that requires nothing."""
    if scope["type"] == "lifespan":
        await live(receive, send)
        return
    session: GatewayRecord | None = scope[SESSION_KEY]
    user_id, device_session_id = (None, None) if session is None else (session.user_id, session.device_session_id)
    body = json.dumps({"user_id": user_id, "device_session_id": device_session_id}).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": body})


async def live(receive: Receive, send: Send) -> None:
    """Confirms start-up and shutdown, where nothing is to do (ASGI lifespan protocol)."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
