"""`POST send-email-code` (SPEC §2, §3.4)."""

from contracts.errors import ErrorCode, Refusal
from contracts.public_auth import decode_send, encode_challenge
from services.public_auth.flows.send_code import SendCode, SendCodeFlow
from shared.kernel.email_address import EmailAddress, parse_email
from shared.kernel.language import preferred_language
from shared.web.exchange import Endpoint, Request, Response


def send_email_code(flow: SendCodeFlow) -> Endpoint:
    """The endpoint. It gives the same answer for every valid e-mail."""

    async def endpoint(request: Request) -> Response:
        command = SendCode(
            email=_email(decode_send(request.body).email),
            network=request.client.network,
            preferred_language=preferred_language(request.headers.get("accept-language")),
        )
        return Response(200, encode_challenge(await flow.run(command)))

    return endpoint


def _email(text: str) -> EmailAddress:
    try:
        return parse_email(text)
    except ValueError:
        raise Refusal(ErrorCode.INVALID_REQUEST, "email is not a valid e-mail address") from None
