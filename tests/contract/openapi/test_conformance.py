"""The running processes do what the OpenAPI documents say: schemathesis sends what fits and what does not."""

from hypothesis import HealthCheck, Phase, settings
from schemathesis import Case, CheckContext, Response
from schemathesis.checks import load_all_checks
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.contract.openapi.documents import load, register_formats
from tests.support.stack import RunningStack

register_formats()
load_all_checks()
PUBLIC = load("public_auth")
INTERNAL = load("internal_admin")

SETTINGS = settings(
    deadline=None,
    derandomize=True,
    max_examples=25,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def edge_headers(_context: CheckContext, response: Response, _case: Case) -> None:
    """What SPEC §2.1 promises of every answer, 404, 405 and 500 included."""
    assert response.headers["cache-control"] == ["no-store"]
    assert response.headers["x-request-id"][0]
    assert "server" not in response.headers


def is_beyond_words(case: Case) -> bool:
    """What fits the schema and may yet be refused: a proof is right for one challenge; no schema says "not both"."""
    asks_for_two_subjects = {"email", "user_id"} <= (case.query or {}).keys()
    return asks_for_two_subjects or (isinstance(case.body, dict) and "client_key_proof" in case.body)


def check(case: Case, base_url: str) -> None:
    """Send it, and hold the answer to the document and to SPEC §2.1."""
    excluded = [positive_data_acceptance] if is_beyond_words(case) else []
    case.call_and_validate(base_url=base_url, additional_checks=[edge_headers], excluded_checks=excluded)


@PUBLIC.parametrize()
@SETTINGS
def test_the_public_process_conforms(case: Case, running_stack: RunningStack) -> None:
    check(case, running_stack.public_url)


@INTERNAL.parametrize()
@SETTINGS
def test_the_internal_process_conforms(case: Case, running_stack: RunningStack) -> None:
    check(case, running_stack.internal_url)
