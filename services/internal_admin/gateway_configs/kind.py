"""Gateway configurations as a kind of published configuration."""

from typing import Final

import asyncpg

from contracts.audit_events import EventName
from contracts.errors import ErrorCode
from contracts.gateway_configuration import KIND
from services.internal_admin.gateway_configs.domain import can_read, judge
from services.internal_admin.publication.domain.checks import Judged
from services.internal_admin.publication.domain.subject import Subject
from services.internal_admin.publication.store.kind import Events, Kind
from shared.kernel.ids import new_gateway_config_id


async def _judge(_: asyncpg.Connection, subject: Subject) -> Judged:
    return judge(subject.draft)


GATEWAY_CONFIG: Final = Kind(
    name=KIND,
    new_id=new_gateway_config_id,
    judge=_judge,
    can_read=can_read,
    events=Events(
        create=EventName.CREATE_GATEWAY_CONFIG,
        change=EventName.CHANGE_GATEWAY_CONFIG,
        archive=EventName.ARCHIVE_GATEWAY_CONFIG,
        publish=EventName.PUBLISH_GATEWAY_CONFIG,
        activate=EventName.ACTIVATE_GATEWAY_CONFIG,
        pause=EventName.PAUSE_GATEWAY_CONFIG,
        revert=EventName.REVERT_GATEWAY_CONFIG,
    ),
    not_found=ErrorCode.CONFIG_NOT_FOUND,
    is_alone=True,
)
