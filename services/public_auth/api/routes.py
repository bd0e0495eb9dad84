"""The public routes, each with its rate limit per network (SPEC §9)."""

from services.public_auth.api.confirm_email_code import confirm_email_code
from services.public_auth.api.send_email_code import send_email_code
from services.public_auth.flows.confirm_code import ConfirmCodeFlow
from services.public_auth.flows.send_code import SendCodeFlow
from shared.web.exchange import Route
from shared.web.rate_limit import RateLimiter, limited

SEND, CONFIRM = "send", "confirm"
"""Names of the rate limits, in Redis and in the settings."""


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
