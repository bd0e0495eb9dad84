"""Agents as a kind of published configuration."""

from dataclasses import replace
from typing import Final

import asyncpg

from contracts.agent_document import KIND, AgentDraft, decode_agent_document
from contracts.audit_events import EventName
from contracts.errors import ErrorCode, Refusal
from services.internal_admin.agent_keys.store import revoke_paused
from services.internal_admin.agents.domain.checks import judge, read_draft
from services.internal_admin.agents.store import read_facts
from services.internal_admin.publication.domain.checks import Judged
from services.internal_admin.publication.domain.subject import Command, Subject
from services.internal_admin.publication.store.kind import Events, Kind
from services.internal_admin.publication.store.references import SecretReferences
from services.internal_admin.secrets.store.changes import delete_secrets_of_agent
from shared.kernel.config_keys import ConfigKeys
from shared.kernel.ids import new_agent_id
from shared.kernel.projection_change import ProjectionChange


async def _judge(connection: asyncpg.Connection, subject: Subject) -> Judged:
    read = read_draft(subject.draft)
    return judge(read, await read_facts(connection, subject, read)) if isinstance(read, AgentDraft) else Judged(read)


def _can_read(document: bytes) -> bool:
    try:
        decode_agent_document(document)
    except Refusal:
        return False
    return True


AGENT: Final = Kind(
    name=KIND,
    new_id=new_agent_id,
    judge=_judge,
    can_read=_can_read,
    events=Events(
        create=EventName.CREATE_AGENT,
        change=EventName.CHANGE_AGENT,
        archive=EventName.ARCHIVE_AGENT,
        publish=EventName.PUBLISH_AGENT,
        activate=EventName.ACTIVATE_AGENT,
        pause=EventName.PAUSE_AGENT,
        revert=EventName.REVERT_AGENT,
    ),
    not_found=ErrorCode.AGENT_NOT_FOUND,
    is_alone=False,
    when_paused=revoke_paused,
)
"""Its archive leaves the agent's own secrets. `agents_of` is the kind for processes that may archive."""


def agents_of(keys: ConfigKeys) -> Kind:
    """The kind whose archive also deletes the agent's own secrets, and withdraws what is granted to it."""
    refresh = SecretReferences(keys).refresh

    async def delete_secrets(
        connection: asyncpg.Connection, subject: Subject, command: Command
    ) -> tuple[ProjectionChange, ...]:
        await delete_secrets_of_agent(connection, refresh, subject.subject_id, command.caller, command.actor)
        return ()

    return replace(AGENT, when_archived=delete_secrets)
