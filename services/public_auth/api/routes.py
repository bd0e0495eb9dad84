"""The public routes, each with its rate limit per network (SPEC §9)."""

from typing import Final

from contracts.notices import NOT_ME_PATH, REVOKE_BY_NOTICE_PATH
from contracts.self_service import CURRENT_PATH, REVOKE_OTHERS_PATH, SESSION_PATH, SESSIONS_PATH
from services.public_auth.api.confirm_email_code import confirm_email_code
from services.public_auth.api.notices import not_me
from services.public_auth.api.self_service import SelfServiceApi
from services.public_auth.api.send_email_code import send_email_code
from services.public_auth.flows.confirm_code import ConfirmCodeFlow
from services.public_auth.flows.send_code import SendCodeFlow
from shared.web.exchange import Endpoint, Route
from shared.web.rate_limit import RateLimiter, limited

SEND, CONFIRM = "send", "confirm"
"""Names of the rate limits, in Redis and in the settings."""
SELF_SERVICE_NETWORK: Final = "self_service_network"
"""The name of the rate limit of self-service for a network, which holds before the session is looked for."""


def public_routes(
    send_code: SendCodeFlow, confirm_code: ConfirmCodeFlow, limiter: RateLimiter, public_host: str | None
) -> tuple[Route, ...]:
    """The two routes of SPEC §2.1."""
    send = limited(send_email_code(send_code), limiter, SEND)
    confirm = limited(confirm_email_code(confirm_code, public_host), limiter, CONFIRM)
    return (
        Route("POST", "/api/v1/public/auth/send-email-code", send, accepts_body=True),
        Route("POST", "/api/v1/public/auth/confirm-email-code", confirm, accepts_body=True),
    )


def self_service_routes(api: SelfServiceApi, limiter: RateLimiter) -> tuple[Route, ...]:
    """The four routes of SPEC §20.1."""
    listed = limited(api.list_sessions, limiter, SELF_SERVICE_NETWORK)
    order = limited(api.order, limiter, SELF_SERVICE_NETWORK)
    return (
        Route("GET", SESSIONS_PATH, listed),
        Route("DELETE", SESSION_PATH, order),
        Route("POST", REVOKE_OTHERS_PATH, order),
        Route("PATCH", CURRENT_PATH, order, accepts_body=True),
    )


def notice_routes(revoke: Endpoint, limiter: RateLimiter) -> tuple[Route, ...]:
    """The page of a notice's link, and the call of its button (SPEC §20.3)."""
    return (
        Route("GET", NOT_ME_PATH, not_me),
        Route("POST", REVOKE_BY_NOTICE_PATH, limited(revoke, limiter, SELF_SERVICE_NETWORK), accepts_body=True),
    )
