"""`docs/reference/errors.md`, from the one table of error codes."""

from contracts.errors import ERRORS
from docs.generate import markdown

_HEAD = """\
Every error answer is `{"error":{"code":"…","message":"…"}}`.
A code is never renamed and never changes its meaning, so programs decide by the code.
The message is for people, and may become more exact.
Every answer carries `X-Request-Id`; the logs name the same id.

The answers of [each route](http-api.md) name the codes that it can return."""


def page() -> str:
    """The whole page."""
    rows = [
        (markdown.code(code.value), str(spec.status), spec.meaning, spec.cure)
        for code, spec in sorted(ERRORS.items(), key=lambda row: row[1].status)
    ]
    return markdown.page(
        "Errors", "`contracts/errors.py`", _HEAD, markdown.table(("Code", "Status", "Meaning", "What to do"), rows)
    )
