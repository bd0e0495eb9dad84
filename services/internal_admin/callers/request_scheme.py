"""Api: whether a request came over HTTPS. We speak plain HTTP: a trusted proxy in front of us does the rest."""

from typing import Literal, TypeAlias

from shared.web.exchange import Request

Scheme: TypeAlias = Literal["http", "https"]


def scheme_of(request: Request) -> Scheme:
    """`https` if the peer is a trusted proxy and each entry of `X-Forwarded-Proto` says so."""
    forwarded = request.headers.get("x-forwarded-proto")
    if forwarded is None or not request.client.is_behind_trusted_proxy:
        return "http"
    entries = {entry.strip().lower() for entry in forwarded.split(",")}
    return "https" if entries == {"https"} else "http"
