"""`docs/reference/audit-events.md`, from the one table of audit events."""

from contracts.audit_events import AUDIT_EVENTS
from docs.generate import markdown

_HEAD = """\
The audit trail has a row for every attempted change, whether it succeeded or not.
A row holds ids only: no address, code, key, token or password.

* `event` is a name of the table below.
* `outcome` is the word of the answer, such as `created` or `revoked`, or the code of the refusal, such as `forbidden`.
  The second and later transactions of a large change have `continued`.
* `caller` is the authenticated caller: the id of an operator or a token, or one of these words:
  `public`, `trusted_network`, `break_glass`, `unauthenticated`, `anonymous`, `command_line`, `system`.
  An *internal caller* is one of the internal API:
  `trusted_network`, an operator, a token, `break_glass` or `unauthenticated`.
* `actor` is the person or program that the caller claims to act for.
* `subject` is the thing that the attempt was about.
  An e-mail is named by the number of its row, `email-42`.
* `network`, `request_id`, `reason_code` and `details` are present where they are known.

`GET /api/control-plane/audit` and `authsession audit` read the trail ([HTTP API](http-api.md), [command line](cli.md)).
`authsession audit verify` finds rows that somebody changed."""


def page() -> str:
    """The whole page."""
    rows = [
        (markdown.code(name.value), spec.meaning, spec.callers, spec.actor, spec.subject)
        for name, spec in AUDIT_EVENTS.items()
    ]
    table = markdown.table(("Event", "Meaning", "Caller", "Actor", "Subject"), rows)
    return markdown.page("Audit events", "`contracts/audit_events.py`", _HEAD, table)
