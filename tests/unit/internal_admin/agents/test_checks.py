"""Checks of agents: an error names its field, a warning what may surprise, and the document has ids but no values."""

from dataclasses import replace
from typing import Any

import pytest

from contracts.agent_document import AgentDraft, Connection, decode_agent_document
from services.internal_admin.agents.domain.checks import compiled, judge, read_draft
from services.internal_admin.agents.domain.facts import ActiveVersion, AgentFacts, ConnectionFacts, SecretFacts
from services.internal_admin.publication.domain.checks import Judged

ID = "0" * 25
AGENT_ID = f"agent-{ID}0"
URL = {"base_url": "https://models.example/v1"}
MODEL = {"connection": "models", "model": "gpt-test", "parameters": {"temperature": 0.5}}
DRAFT: dict[str, Any] = {
    "description": "Answers mail.",
    "model": MODEL,
    "sections": [{"key": "role", "text": "You are {{name}}."}],
    "variables": {"name": "Ada"},
    "secrets": ["TOKEN"],
    "integrations": [{"connection": "tickets", "allow": ["*"]}],
    "allowed_users": "everyone",
}


def secret(number: int, scope_kind: Any = "agent", scope_id: str = AGENT_ID, **changes: Any) -> SecretFacts:
    facts = SecretFacts(f"secret-{ID}{number}", "TOKEN", scope_kind, scope_id, True, False, ())
    return replace(facts, **changes)


MODELS = ConnectionFacts("models", "openai_compatible", URL, {"API_KEY": f"secret-{ID}8"}, is_failing=False)
TICKETS = ConnectionFacts("tickets", "api_key", {"base_url": "https://t.example"}, {"API_KEY": f"secret-{ID}9"}, False)
FACTS = AgentFacts(
    AGENT_ID, ("core", "edge"), {"models": MODELS, "tickets": TICKETS}, None, (secret(1),), 100_000, active=None
)


def judged(facts: AgentFacts = FACTS, **changes: Any) -> Judged:
    draft = {name: value for name, value in {**DRAFT, **changes}.items() if value is not ...}
    read = read_draft(draft)
    return judge(read, facts) if isinstance(read, AgentDraft) else Judged(read)


def found(facts: AgentFacts = FACTS, **changes: Any) -> list[tuple[str, str, str | None]]:
    judgement = judged(facts, **changes)
    is_publishable = not any(each.level == "error" for each in judgement.checks)
    assert is_publishable == bool(judgement.document)
    return [(each.name, each.level, each.field) for each in judgement.checks]


def with_connection(**changes: Any) -> AgentFacts:
    return replace(FACTS, connections={"models": replace(MODELS, **changes), "tickets": TICKETS})


def test_a_complete_draft_has_no_findings_and_its_document_names_secrets_by_id() -> None:
    judgement = judged()
    agent = decode_agent_document(judgement.document)
    assert judgement.checks == ()
    assert (agent.agent_id, agent.prompt, agent.allowed_users) == (AGENT_ID, "You are Ada.", "everyone")
    assert agent.secrets == {"TOKEN": f"secret-{ID}1"}
    assert agent.model is not None
    assert agent.model.connection == Connection("models", "openai_compatible", URL, {"API_KEY": f"secret-{ID}8"})
    assert judgement.secret_ids == (f"secret-{ID}1", f"secret-{ID}8", f"secret-{ID}9")
    assert (agent.integrations[0].allows("any"), agent.integrations[0].approval) == (True, "always")
    assert agent.allows_user("user-1")


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"surprise": 1}, ("schema", "error", "draft.surprise")),
        ({"model": {"model": "x" * 201}}, ("schema", "error", "draft.model")),
        ({"sections": [{"key": "a", "text": "x"}] * 2}, ("schema", "error", "draft.sections")),
        ({"sections": [{"key": "a", "text": "x" * 65_537}]}, ("schema", "error", "draft.sections")),
        ({"variables": {"name": 1}}, ("schema", "error", "draft.variables")),
        ({"secrets": ["lower"]}, ("schema", "error", "draft.secrets")),
        ({"allowed_users": "nobody"}, ("schema", "error", "draft.allowed_users")),
        ({"variables": {}}, ("variables", "error", "draft.variables")),
        ({"variables": {"name": "Ada", "more": ""}}, ("variables", "warning", "draft.variables.more")),
        ({"sections": [{"key": "a", "text": "{{name}}" * 5}], "variables": {"name": "x" * 60_000}},
         ("size", "error", "draft.sections")),
        ({"model": ...}, ("model", "warning", "draft.model")),
        ({"model": {**MODEL, "connection": None}}, ("connection_exists", "error", "draft.model.connection")),
        ({"model": {**MODEL, "connection": "gone"}}, ("connection_exists", "error", "draft.model.connection")),
        ({"model": {**MODEL, "connection": "tickets"}}, ("connection_kind", "error", "draft.model.connection")),
        ({"integrations": [{"connection": "gone", "allow": ["*"]}]},
         ("connection_exists", "error", "draft.integrations[0].connection")),
        ({"integrations": [{"connection": "tickets"}]}, ("integrations", "warning", "draft.integrations[0].allow")),
        ({"secrets": ["OTHER"]}, ("secret_exists", "error", "draft.secrets[0]")),
        ({"allowed_users": ...}, ("allowed_users", "warning", "draft.allowed_users")),
        ({"allowed_users": []}, ("allowed_users", "warning", "draft.allowed_users")),
    ],
)  # fmt: skip
def test_a_finding_names_its_field(changes: dict[str, Any], finding: tuple[str, str, str]) -> None:
    assert found(**changes) == [finding]


def test_each_unreadable_field_is_a_finding() -> None:
    assert [field for _, _, field in found(model=1, secrets=1, sections=[])] == ["draft.model", "draft.secrets"]


@pytest.mark.parametrize(
    ("facts", "finding"),
    [
        (with_connection(settings=None), ("connection_accepted", "error", "draft.model.connection")),
        (with_connection(kind="smtp"), ("connection_kind", "error", "draft.model.connection")),
        (with_connection(is_failing=True), ("connection_health", "warning", "draft.model.connection")),
        (replace(FACTS, active=ActiveVersion(3, {"models": {"base_url": "https://old.example"}})),
         ("connection_changed", "warning", "draft.model.connection")),
        (replace(FACTS, active=ActiveVersion(3, None)), ("compatibility", "warning", None)),
        (replace(FACTS, max_prompt_tokens=2), ("prompt_budget", "error", "draft.sections")),
        (replace(FACTS, secrets=(secret(1, "installation", ""),)), ("secret_granted", "error", "draft.secrets[0]")),
        (replace(FACTS, secrets=(secret(1, is_grantable=False),)), ("secret_grantable", "error", "draft.secrets[0]")),
        (replace(FACTS, secrets=(secret(1, "pool", "edge"),)), ("secret_pools", "warning", "draft.secrets[0]")),
        (replace(FACTS, secrets=(secret(1, "installation", "", granted_pools=("core",)),)),
         ("secret_pools", "warning", "draft.secrets[0]")),
    ],
)  # fmt: skip
def test_a_fact_is_a_finding(facts: AgentFacts, finding: tuple[str, str, str | None]) -> None:
    assert found(facts) == [finding]


@pytest.mark.parametrize(
    "facts",
    [
        replace(FACTS, active=ActiveVersion(3, {"models": URL, "other": {}})),
        replace(FACTS, max_prompt_tokens=3),
        replace(FACTS, secrets=(secret(1, "installation", "", is_granted=True),)),
        replace(FACTS, secrets=(secret(1, "pool", "edge", granted_pools=("core",)),)),
    ],
)
def test_an_expected_fact_is_no_finding(facts: AgentFacts) -> None:
    assert found(facts) == []


def test_the_default_connection_stands_in_for_a_model_without_one() -> None:
    judgement = judged(replace(FACTS, default_model="models"), model={"model": "gpt-test"})
    assert judgement.document == judged(model={"connection": "models", "model": "gpt-test"}).document


def test_the_nearest_secret_of_a_name_is_meant() -> None:
    """The agent's own, then one granted to it, then one of a pool, then one granted to a pool."""
    nearest = (
        secret(1),
        secret(5, "installation", "", is_granted=True),
        secret(3, "pool", "core", granted_pools=("edge",)),
        secret(4, "installation", "", granted_pools=("core", "edge")),
    )
    for place, expected in enumerate(nearest):
        facts = replace(FACTS, secrets=(*reversed(nearest[place:]), secret(2, "installation", "")))
        assert decode_agent_document(judged(facts).document).secrets == {"TOKEN": expected.secret_id}
    assert found(replace(FACTS, secrets=(secret(6, is_grantable=False), nearest[1]))) == []


def test_equal_drafts_have_equal_bytes_whatever_the_order_of_names() -> None:
    settings = {"b": [{"y": 1, "x": 2}], "a": 1}
    turned = {"a": 1, "b": [{"x": 2, "y": 1}]}
    assert judged(with_connection(settings=settings)).document == judged(with_connection(settings=turned)).document


def test_a_prompt_is_shown_although_the_draft_has_other_errors() -> None:
    shown = compiled({**DRAFT, "secrets": ["OTHER"]}, b"")
    assert (getattr(shown, "text", None), getattr(shown, "digest", "")) == ("You are Ada.", None)
    refused = compiled({**DRAFT, "variables": {}}, b"")
    assert [each.name for each in getattr(refused, "checks", ())] == ["variables"]
