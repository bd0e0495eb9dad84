"""The checks of an agent's draft, and the document that publishing it makes (SPEC §19.2)."""

from collections.abc import Iterator
from typing import Final

from contracts.agent_document import (
    MAX_PROMPT_BYTES,
    AgentDocument,
    AgentDraft,
    Connection,
    Integration,
    Model,
    encode_agent_document,
    read_agent_draft,
    refused_fields,
)
from contracts.control_plane.agents import CompiledPrompt
from contracts.control_plane.publication.answers import Check
from contracts.node.manifest import MAX_DOCUMENT_BYTES, digest_of
from services.internal_admin.agents.domain.facts import AgentFacts, ConnectionFacts, SecretFacts
from services.internal_admin.agents.domain.prompt import Prompt, compile_prompt
from services.internal_admin.publication.domain.checks import Judged, errors_of
from services.internal_admin.publication.domain.diff import same
from services.internal_admin.publication.domain.subject import ChecksFailed, Draft

MODEL_KINDS: Final = frozenset({"openai_compatible", "anthropic"})
INTEGRATION_KINDS: Final = MODEL_KINDS | {"api_key"}
"""Connections of other kinds are for the product itself: no agent gets its mail password."""
MAX_REPORTED: Final = 20
"""The most variables that the checks name."""


def judge(read: AgentDraft, facts: AgentFacts) -> Judged:
    """The findings about a draft, and its document."""
    prompt = prompt_of(read)
    return _judge(read, prompt, facts) if isinstance(prompt, Prompt) else Judged(prompt)


def read_draft(draft: Draft) -> AgentDraft | tuple[Check, ...]:
    """The fields of a draft, or an error for each one that cannot be read. Then there are no other findings."""
    fields = dict(draft)
    unread = tuple(
        Check("schema", "error", refusal.message, f"draft.{name}") for name, refusal in refused_fields(fields)
    )
    return unread or read_agent_draft(fields)


def prompt_of(read: AgentDraft) -> Prompt | tuple[Check, ...]:
    """The compiled prompt, or the error for which there is none."""
    prompt = compile_prompt(read.sections, read.variables)
    if isinstance(prompt, Prompt):
        return prompt
    message = f"with the values of the variables, the prompt has more than {MAX_PROMPT_BYTES} bytes"
    return (Check("size", "error", message, "draft.sections"),)


def compiled(draft: Draft, document: bytes) -> CompiledPrompt | ChecksFailed:
    """The prompt of a draft, with the digest of its document if there is one."""
    read = read_draft(draft)
    prompt = prompt_of(read) if isinstance(read, AgentDraft) else read
    if not isinstance(prompt, Prompt):
        return ChecksFailed(prompt)
    if prompt.unknown:
        return ChecksFailed(tuple(_unknown_variables(prompt)))
    digest = digest_of(document) if document else None
    return CompiledPrompt(prompt.text, digest, prompt.sections, prompt.variables, prompt.estimated_tokens)


def _judge(read: AgentDraft, prompt: Prompt, facts: AgentFacts) -> Judged:
    checks = (
        *_prompt_checks(read, prompt, facts.max_prompt_tokens),
        *_model_checks(read, facts),
        *_integration_checks(read, facts),
        *_secret_checks(read, facts),
        *_version_checks(facts),
        *_user_checks(read),
    )
    if errors_of(checks):
        return Judged(checks)
    agent = _agent(read, prompt, facts)
    document = encode_agent_document(agent)
    if len(document) > MAX_DOCUMENT_BYTES:
        return Judged((*checks, Check("size", "error", f"the document has more than {MAX_DOCUMENT_BYTES} bytes")))
    return Judged(checks, document, secret_ids(agent))


def secret_ids(agent: AgentDocument) -> tuple[str, ...]:
    """The secrets that a document names, those of its connections too."""
    of_connections = (secret_id for each in agent.connections for secret_id in each.secrets.values())
    return tuple(sorted({*agent.secrets.values(), *of_connections}))


def _agent(read: AgentDraft, prompt: Prompt, facts: AgentFacts) -> AgentDocument:
    """The agent as nodes get it, of a draft without errors."""
    name = _model_connection(read, facts)
    model = None
    if read.model is not None and name is not None:
        model = Model(_connection(name, facts), read.model.model, read.model.parameters)
    chosen = {name: _chosen(name, facts) for name in read.secrets}
    return AgentDocument(
        facts.agent_id,
        read.description,
        model,
        prompt.text,
        {name: secret.secret_id for name, secret in chosen.items() if secret is not None},
        tuple(
            Integration(_connection(each.connection, facts), each.allow, each.deny, each.approval)
            for each in read.integrations
        ),
        read.allowed_users,
    )


def _connection(name: str, facts: AgentFacts) -> Connection:
    found = facts.connections[name]
    return Connection(name, found.kind, found.settings or {}, found.secrets)


def _model_connection(read: AgentDraft, facts: AgentFacts) -> str | None:
    """The name of the model's connection; None if there is no model, or no connection for it."""
    return None if read.model is None else read.model.connection or facts.default_model


def _prompt_checks(read: AgentDraft, prompt: Prompt, max_tokens: int) -> Iterator[Check]:
    yield from _unknown_variables(prompt)
    for name in read.variables:
        if name not in prompt.variables:
            yield Check("variables", "warning", f"no section names the variable {name}", f"draft.variables.{name}")
    if prompt.estimated_tokens > max_tokens:
        message = (
            f"the prompt has about {prompt.estimated_tokens} tokens; the setting max_prompt_tokens allows {max_tokens}"
        )
        yield Check("prompt_budget", "error", message, "draft.sections")


def _unknown_variables(prompt: Prompt) -> Iterator[Check]:
    for each in prompt.unknown[:MAX_REPORTED]:
        message = f"the section {each.section} names the variable {each.name}, which has no value"
        yield Check("variables", "error", message, "draft.variables")
    more = len(prompt.unknown) - MAX_REPORTED
    if more > 0:
        yield Check("variables", "error", f"{more} more variables have no value", "draft.variables")


def _model_checks(read: AgentDraft, facts: AgentFacts) -> Iterator[Check]:
    if read.model is None:
        yield Check("model", "warning", "the agent has no model", "draft.model")
        return
    name, field = _model_connection(read, facts), "draft.model.connection"
    if name is None:
        message = "there is no default model connection; set one, or name a connection"
        yield Check("connection_exists", "error", message, field)
    else:
        yield from _connection_checks(name, field, MODEL_KINDS, facts)


def _integration_checks(read: AgentDraft, facts: AgentFacts) -> Iterator[Check]:
    for place, each in enumerate(read.integrations):
        field = f"draft.integrations[{place}]"
        yield from _connection_checks(each.connection, f"{field}.connection", INTEGRATION_KINDS, facts)
        if not each.allow:
            message = f"allow is empty, so the agent may use no tool of {each.connection}; * allows every one"
            yield Check("integrations", "warning", message, f"{field}.allow")


def _connection_checks(name: str, field: str, kinds: frozenset[str], facts: AgentFacts) -> Iterator[Check]:
    found = facts.connections.get(name)
    if found is None:
        yield Check("connection_exists", "error", f"there is no connection {name}", field)
    elif found.kind not in kinds:
        message = f"the connection {name} is of the kind {found.kind}; here are allowed: {', '.join(sorted(kinds))}"
        yield Check("connection_kind", "error", message, field)
    elif found.settings is None:
        message = f"no revision of the connection {name} was accepted; verify it first"
        yield Check("connection_accepted", "error", message, field)
    else:
        yield from _connection_warnings(found, field, facts)


def _connection_warnings(found: ConnectionFacts, field: str, facts: AgentFacts) -> Iterator[Check]:
    if found.is_failing:
        yield Check("connection_health", "warning", f"the connection {found.name} is failing", field)
    before = None if facts.active is None else (facts.active.settings or {}).get(found.name)
    if facts.active is not None and before is not None and not same(dict(before), dict(found.settings or {})):
        message = f"the settings of the connection {found.name} changed since version {facts.active.version}"
        yield Check("connection_changed", "warning", message, field)


def _secret_checks(read: AgentDraft, facts: AgentFacts) -> Iterator[Check]:
    for place, name in enumerate(read.secrets):
        field = f"draft.secrets[{place}]"
        known = [each for each in facts.secrets if each.name == name]
        secret = _chosen(name, facts)
        if secret is not None:
            yield from _secret_warnings(secret, field, facts)
        elif not known:
            yield Check("secret_exists", "error", f"there is no secret {name} for this agent", field)
        elif any(_rank(each, facts) is not None for each in known):
            yield Check("secret_grantable", "error", f"the secret {name} is for the system, not for agents", field)
        else:
            yield Check("secret_granted", "error", f"the secret {name} is not granted to this agent", field)


def _secret_warnings(secret: SecretFacts, field: str, facts: AgentFacts) -> Iterator[Check]:
    """The pools whose nodes cannot open the secret. A document is the same in every pool."""
    if secret.scope_kind == "agent" or secret.is_granted:
        return
    for pool in facts.pools:
        if pool not in secret.granted_pools and (secret.scope_kind, secret.scope_id) != ("pool", pool):
            message = f"nodes of the pool {pool} cannot open the secret {secret.name}, which another pool has"
            yield Check("secret_pools", "warning", message, field)


def _chosen(name: str, facts: AgentFacts) -> SecretFacts | None:
    """The secret that a name means: the agent's own, one granted to it, one of its pools, or one granted to a pool."""
    ranked = [
        (rank, each.secret_id, each)
        for each in facts.secrets
        if each.name == name and each.is_grantable and (rank := _rank(each, facts)) is not None
    ]
    return min(ranked)[2] if ranked else None


def _rank(secret: SecretFacts, facts: AgentFacts) -> int | None:
    """The place of a secret among those of its name; None if the agent may not read it."""
    if (secret.scope_kind, secret.scope_id) == ("agent", facts.agent_id):
        return 0
    if secret.is_granted:
        return 1
    if secret.scope_kind == "pool" and secret.scope_id in facts.pools:
        return 2
    return 3 if secret.granted_pools else None


def _version_checks(facts: AgentFacts) -> Iterator[Check]:
    if facts.active is not None and facts.active.settings is None:
        message = f"this release cannot read the active version {facts.active.version}; publish and activate the draft"
        yield Check("compatibility", "warning", message)


def _user_checks(read: AgentDraft) -> Iterator[Check]:
    if not read.allowed_users:
        message = "allowed_users is empty, so nobody may use the agent"
        yield Check("allowed_users", "warning", message, "draft.allowed_users")
