"""The answers that let pages of listed origins use an API from a browser (Fetch standard §3.2; SPEC §21.1). Pure.

A request costs one look at its fields, and a look into a table. Gateways do the same with `clients.gateway.cors`.
"""

import re
from collections.abc import Iterable, Sequence

from contracts.cors import ALLOWED_HEADERS, MAX_AGE, allowed_origin, answer_fields, is_preflight
from shared.http.request_head import MAX_HEAD_BYTES, Field

_ALLOWED = ", ".join(ALLOWED_HEADERS).encode("ascii")
# A run of blanks begins only after a name, and a value has no blank, so that the search is linear.
_ORIGIN_LINE = re.compile(rb"\r\norigin:[ \t]*([!-~]{1,300})[ \t]*(?=\r\n)", re.IGNORECASE)


class Cors:
    """The origins whose pages may read the answers of a listener: exact ones, `*` alone, or none.

    Without an origin no answer has a header of CORS, and a preflight is a request like any other.
    """

    __slots__ = ("_origins",)

    def __init__(self, origins: Sequence[str] = ()) -> None:
        self._origins = tuple(origins)

    def fields(self, request: Iterable[Field]) -> list[Field]:
        """The fields to add to the answer to a request."""
        return answer_fields(allowed_origin(request, self._origins)) if self._origins else []

    def fields_of_refused(self, arrived: bytearray) -> list[Field]:
        """The fields to add to the answer to a head that could not be parsed, by as much of it as has arrived."""
        if not self._origins:
            return []
        head = arrived[:MAX_HEAD_BYTES].partition(b"\r\n\r\n")[0] + b"\r\n"
        return self.fields([(b"origin", value) for value in _ORIGIN_LINE.findall(head)])

    def preflight(self, method: str, request: Sequence[Field], methods: Iterable[str]) -> tuple[Field, ...] | None:
        """The fields of the answer (204) to a preflight of an allowed origin; None for any other request.

        Those of every answer are not among them. Methods and headers are the same for every path, because the request
        itself is judged when it comes.
        """
        if not self._origins or not is_preflight(method, request) or allowed_origin(request, self._origins) is None:
            return None
        return (
            (b"access-control-allow-methods", ", ".join(sorted(methods)).encode("ascii")),
            (b"access-control-allow-headers", _ALLOWED),
            (b"access-control-max-age", MAX_AGE),
        )


NO_CORS = Cors()
