"""Laws of who may use which route: the decision, and who is admitted without credentials."""

from itertools import product

import pytest

from services.internal_admin.access.domain import (
    Admission,
    Admitted,
    LoginRequired,
    NotAuthenticated,
    OperatorRequired,
    RenewalDue,
    ScopeMissing,
    decide_access,
)
from services.internal_admin.callers.access import Access, Anyone, OperatorOnly, Scoped
from services.internal_admin.callers.identity import (
    BreakGlass,
    Identity,
    Operator,
    Scope,
    Token,
    TrustedNetwork,
    Unauthenticated,
)
from tests.support.declared_routes import ACCESS

OPERATOR = Operator("operator-1", "operator-session-1")
LATE_OPERATOR = Operator("operator-1", "operator-session-1", is_renewal_due=True)
EVERY_SCOPE = Token("token-1", frozenset(Scope))
ANYBODY = (None, OPERATOR, LATE_OPERATOR, EVERY_SCOPE, BreakGlass(), TrustedNetwork(), Unauthenticated())
READ = Scoped(Scope.SESSIONS_READ)
INTERNAL, PLANE = "/api/v1/internal/sessions/{id}", "/api/control-plane/audit"


@pytest.mark.parametrize("identity", ANYBODY)
def test_anyone_is_everybody(identity: Identity | None) -> None:
    assert decide_access(Anyone(), identity) == Admitted()


@pytest.mark.parametrize("access", [OperatorOnly(), OperatorOnly(renews=True), READ])
def test_nobody_is_admitted_where_credentials_are_asked_for(access: Access) -> None:
    assert decide_access(access, None) == NotAuthenticated()


@pytest.mark.parametrize("access", [OperatorOnly(), OperatorOnly(renews=True), READ])
def test_an_operator_may_do_everything(access: Access) -> None:
    assert decide_access(access, OPERATOR) == Admitted()


def test_an_operator_whose_renewal_is_due_may_renew_and_nothing_else() -> None:
    assert decide_access(OperatorOnly(renews=True), LATE_OPERATOR) == Admitted()
    assert decide_access(OperatorOnly(), LATE_OPERATOR) == RenewalDue()
    assert decide_access(READ, LATE_OPERATOR) == RenewalDue()


@pytest.mark.parametrize(("asked", "given"), list(product(Scope, Scope)))
def test_a_token_may_do_what_its_scopes_say_and_no_more(asked: Scope, given: Scope) -> None:
    decision = decide_access(Scoped(asked), Token("token-1", frozenset({given})))
    assert decision == (Admitted() if asked is given else ScopeMissing(asked))


@pytest.mark.parametrize("identity", [EVERY_SCOPE, BreakGlass(), TrustedNetwork()])
@pytest.mark.parametrize("renews", [True, False])
def test_a_token_may_do_nothing_of_an_operators(identity: Identity, renews: bool) -> None:
    assert decide_access(OperatorOnly(renews=renews), identity) == OperatorRequired()


def test_whom_settings_admit_must_log_in_for_what_is_an_operators() -> None:
    assert decide_access(OperatorOnly(), Unauthenticated()) == LoginRequired()


@pytest.mark.parametrize("identity", [BreakGlass(), TrustedNetwork(), Unauthenticated()])
@pytest.mark.parametrize("scope", Scope)
def test_every_caller_but_a_token_has_every_scope(identity: Identity, scope: Scope) -> None:
    assert decide_access(Scoped(scope), identity) == Admitted()


@pytest.mark.parametrize("is_on_this_machine", [True, False])
@pytest.mark.parametrize("mode", ["operator", "development", "open"])
def test_only_the_internal_api_trusts_the_network_and_only_if_told_to(mode: str, is_on_this_machine: bool) -> None:
    trusting, asking = Admission(requires_token=False, control_plane_mode=mode), Admission(True, mode)
    assert trusting.without_credentials(INTERNAL, is_on_this_machine=is_on_this_machine) == TrustedNetwork()
    assert asking.without_credentials(INTERNAL, is_on_this_machine=is_on_this_machine) is None
    assert trusting.without_credentials(PLANE, is_on_this_machine=is_on_this_machine) != TrustedNetwork()


@pytest.mark.parametrize(
    ("mode", "is_on_this_machine", "admitted"),
    [("operator", True, None), ("operator", False, None), ("development", True, Unauthenticated()),
     ("development", False, None), ("open", True, Unauthenticated()), ("open", False, Unauthenticated())],
)  # fmt: skip
def test_the_mode_says_whom_the_control_plane_admits_without_credentials(
    mode: str, is_on_this_machine: bool, admitted: Identity | None
) -> None:
    for path in (PLANE, "/v1/auth/session"):
        found = Admission(True, mode).without_credentials(path, is_on_this_machine=is_on_this_machine)
        assert found == admitted


def test_managing_sessions_tokens_and_secrets_is_an_operators() -> None:
    """SPEC §10.2: no token can make another one."""
    of_tokens = [access for (_, path), access in ACCESS.items() if "/auth/" in path]
    assert not any(isinstance(access, Scoped) for access in of_tokens)


CHANGES_NOTHING = {
    ("POST", "/api/control-plane/gateway-configs/{gateway_config_id}/check"),
    ("POST", "/api/control-plane/agents/{agent_id}/check"),
}
"""Routes that only read, although their method is not GET."""


def test_no_mutation_is_reached_by_a_scope_that_reads() -> None:
    reading = {scope for scope in Scope if scope.value.endswith(":read")}
    mutations = [
        access.scope
        for route, access in ACCESS.items()
        if route[0] != "GET" and route not in CHANGES_NOTHING and isinstance(access, Scoped)
    ]
    assert mutations
    assert not reading & set(mutations)


def test_every_scope_opens_something() -> None:
    asked_for = {access.scope for access in ACCESS.values() if isinstance(access, Scoped)}
    assert set(Scope) == asked_for, "no route asks for one of the scopes; name it in the Route of an api.py"
