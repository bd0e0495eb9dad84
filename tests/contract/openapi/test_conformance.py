"""The running processes do what the OpenAPI documents say: schemathesis sends what fits and what does not."""

from hypothesis import HealthCheck, Phase, settings
from schemathesis import Case

from tests.contract.openapi.documents import load, register_formats
from tests.support.stack import RunningStack

register_formats()
PUBLIC = load("public_auth")
INTERNAL = load("internal_admin")

SETTINGS = settings(
    deadline=None,
    derandomize=True,
    max_examples=25,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@PUBLIC.parametrize()
@SETTINGS
def test_the_public_process_conforms(case: Case, running_stack: RunningStack) -> None:
    case.call_and_validate(base_url=running_stack.public_url)


@INTERNAL.parametrize()
@SETTINGS
def test_the_internal_process_conforms(case: Case, running_stack: RunningStack) -> None:
    case.call_and_validate(base_url=running_stack.internal_url)
