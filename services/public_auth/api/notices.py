"""The page of a notice's link, and the call of its button (SPEC §20.3).

The page is the same for everybody and knows no token. Browsers send no fragment, so only the button sends the token.
"""

import hashlib
from base64 import b64encode
from datetime import timedelta
from functools import cache
from importlib.resources import files

from contracts.errors import ErrorCode
from contracts.notices import decode_revoke_by_notice, encode_revoked_by_notice
from contracts.self_service import REFUSED_BY_OUTCOME
from services.public_auth.flows.self_service import SelfServiceFlow
from services.public_auth.metrics import Count
from services.public_auth.store.self_service import NoticeOrder
from shared.web.exchange import Endpoint, Request, Response
from shared.web.refusals import refusal

_RETRY_AFTER = timedelta(seconds=1)
_UNANSWERED = "unanswered"


async def not_me(_: Request) -> Response:
    """`GET /not-me`. It changes nothing, whoever fetches it."""
    return _page()


def revoke_by_notice(flow: SelfServiceFlow, count: Count) -> Endpoint:
    """`POST notices/revoke`: files an order that the token proves, and waits for what becomes of it."""

    async def endpoint(request: Request) -> Response:
        asked = decode_revoke_by_notice(request.body)
        carried_out = await flow.carry_out_notice(
            NoticeOrder(asked.token_hash, asked.everything, request.client.network.text, request.request_id)
        )
        if carried_out is None:
            count(_UNANSWERED)
            return refusal(ErrorCode.SERVICE_UNAVAILABLE, retry_after=_RETRY_AFTER)
        count(carried_out.outcome.value)
        refused = REFUSED_BY_OUTCOME.get(carried_out.outcome)
        if refused is not None:
            return refusal(refused)
        return Response(200, encode_revoked_by_notice(carried_out.outcome, carried_out.session_count))

    return endpoint


@cache
def _page() -> Response:
    body = files("services.public_auth.api").joinpath("not_me.html").read_bytes()
    return Response(
        200,
        body,
        (
            (b"content-type", b"text/html; charset=utf-8"),
            (b"content-security-policy", _policy(body)),
            (b"referrer-policy", b"no-referrer"),
            (b"x-content-type-options", b"nosniff"),
            (b"x-frame-options", b"DENY"),
            (b"cross-origin-opener-policy", b"same-origin"),
        ),
    )


def _policy(page: bytes) -> bytes:
    """Only the page's own style and script run, and it may call only its own origin."""
    return (
        b"default-src 'none'; style-src %b; script-src %b; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        b"frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    ) % (_source(page, b"style"), _source(page, b"script"))


def _source(page: bytes, element: bytes) -> bytes:
    """The one element of its name that the page has, as a source of the policy."""
    content = page.partition(b"<%b>" % element)[2].partition(b"</%b>" % element)[0]
    return b"'sha256-%b'" % b64encode(hashlib.sha256(content).digest())
