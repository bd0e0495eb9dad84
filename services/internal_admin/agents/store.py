"""Reads what the checks of an agent need, and its compiled prompts."""

import json
from collections.abc import Mapping

import asyncpg

from contracts.agent_document import AgentDraft, decode_agent_document
from contracts.control_plane.agents import CompiledPrompt
from contracts.control_plane.publication.requests import Source
from contracts.errors import Refusal
from services.internal_admin.agents.domain.checks import compiled
from services.internal_admin.agents.domain.facts import ActiveVersion, AgentFacts, ConnectionFacts, SecretFacts
from services.internal_admin.publication.domain.subject import (
    ChecksFailed,
    NotActive,
    Subject,
    SubjectNotFound,
    VersionNotFound,
    WholeVersion,
)
from services.internal_admin.publication.store.kind import Kind
from services.internal_admin.publication.store.subjects import find_version, read_subject, read_version
from shared.io import queries

_SQL = queries.load("services.internal_admin.agents")


async def read_facts(connection: asyncpg.Connection, subject: Subject, read: AgentDraft) -> AgentFacts:
    """The facts about what a draft names, as they are now."""
    named = {each.connection for each in read.integrations} | {read.model.connection if read.model else None}
    connections = await connection.fetch(*_SQL["read_connection_facts"](names=sorted(filter(None, named))))
    secrets = await connection.fetch(
        *_SQL["read_secret_facts"](names=list(read.secrets), agent_id=subject.subject_id, pools=list(subject.pools))
    )
    return AgentFacts(
        subject.subject_id,
        subject.pools,
        {row["name"]: _connection_facts(row) for row in connections},
        next((row["name"] for row in connections if row["is_default"]), None),
        tuple(_secret_facts(row) for row in secrets),
        await connection.fetchval(*_SQL["read_prompt_budget"]()),
        await _active_version(connection, subject),
    )


async def read_prompt(
    connection: asyncpg.Connection, kind: Kind, subject_id: str, source: Source
) -> CompiledPrompt | SubjectNotFound | NotActive | VersionNotFound | ChecksFailed:
    """The prompt of a draft or a version, in one snapshot. A draft with errors may have a prompt but no digest."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        subject = await read_subject(connection, kind, subject_id)
        if subject is None:
            return SubjectNotFound()
        if source == "draft":
            return compiled(subject.draft, (await kind.judge(connection, subject)).document)
        found = await find_version(connection, subject, source)
        return compiled(found.draft, found.document) if isinstance(found, WholeVersion) else found


async def _active_version(connection: asyncpg.Connection, subject: Subject) -> ActiveVersion | None:
    if subject.active_version is None:
        return None
    found = await read_version(connection, subject.subject_id, subject.active_version)
    return None if found is None else ActiveVersion(subject.active_version, _settings(found))


def _settings(version: WholeVersion) -> Mapping[str, Mapping[str, object]] | None:
    try:
        agent = decode_agent_document(version.document)
    except Refusal:
        return None
    return {each.name: each.settings for each in agent.connections}


def _connection_facts(row: asyncpg.Record) -> ConnectionFacts:
    settings = None if row["settings"] is None else json.loads(row["settings"])
    named: Mapping[str, tuple[str, int]] = {} if row["secrets"] is None else json.loads(row["secrets"])
    secrets = {field: secret_id for field, (secret_id, _) in named.items()}
    return ConnectionFacts(row["name"], row["kind"], settings, secrets, row["is_failing"])


def _secret_facts(row: asyncpg.Record) -> SecretFacts:
    return SecretFacts(
        row["secret_id"],
        row["name"],
        row["scope_kind"],
        row["scope_id"],
        row["is_grantable"],
        row["is_granted"],
        tuple(row["granted_pools"]),
    )
