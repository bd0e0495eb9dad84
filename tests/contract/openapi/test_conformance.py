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


def names_two_subjects(case: Case) -> bool:
    """A query that OpenAPI has no words to exclude: at most one of both is taken."""
    return {"email", "user_id"} <= (case.query or {}).keys()


@PUBLIC.parametrize()
@SETTINGS
def test_the_public_process_conforms(case: Case, running_stack: RunningStack) -> None:
    case.call_and_validate(base_url=running_stack.public_url, additional_checks=[edge_headers])


@INTERNAL.parametrize()
@SETTINGS
def test_the_internal_process_conforms(case: Case, running_stack: RunningStack) -> None:
    case.call_and_validate(
        base_url=running_stack.internal_url,
        additional_checks=[edge_headers],
        excluded_checks=[positive_data_acceptance] if names_two_subjects(case) else [],
    )
