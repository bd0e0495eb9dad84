"""Counts the effects of acknowledged requests in Postgres, in the gateway's records and in its stream."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import redis as redis_py

from contracts.gateway import GatewayKeys, decode_record
from tests.support.database import Database
from tests.support.load import Load, Login
from tests.support.redis_bytes import gateway_entries, stored
from tests.support.stack import REDIS_PASSWORD, wait_for

SETTLING = 20.0
"""Seconds that the outbox may take to run empty after the last request."""

_KEYS = GatewayKeys()
_SESSIONS = """
select email, device_session_id, status,
       (select count(*) from audit_events
         where subject = device_session_id and outcome = 'created') as created,
       (select count(*) from audit_events
         where subject = device_session_id and outcome = 'revoked') as revoked
  from device_sessions join users using (user_id) where email = any ($1::text[])
"""


@dataclass(frozen=True, slots=True)
class Census:
    """The broken promises. All lists are empty when none was broken."""

    lost: list[str] = field(default_factory=list)
    """Effects that were acknowledged and are missing."""
    doubled: list[str] = field(default_factory=list)
    """Effects that are there more than once."""
    revived: list[str] = field(default_factory=list)
    """Sessions that the stream shows active after it showed them revoked."""
    accused: list[str] = field(default_factory=list)
    """Records that the product corrected as forged (SPEC §6.6), though nobody forged any."""

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.doubled or self.revived or self.accused)


def take_census(load: Load, database: Database, redis_port: int) -> Census:
    """Waits until the outbox is empty, then reads everything. To be called after the load has stopped."""
    wait_for(lambda: database.execute("select count(*) as rows from projection_outbox")[0]["rows"] == 0, SETTLING)
    sessions = database.execute(_SESSIONS, [login.email for login in load.logins])
    by_id = {row["device_session_id"]: row for row in sessions}
    census = Census()
    for login in load.confirmed:
        row = by_id.get(login.device_session_id)
        if row is None or row["email"] != login.email or row["created"] != 1:
            census.lost.append(f"session {login.device_session_id}")
        elif login.revoked_at is not None and (row["status"], row["revoked"]) == ("active", 0):
            census.lost.append(f"revocation of {login.device_session_id}")
    per_person = Counter(row["email"] for row in sessions)
    census.doubled.extend(f"{times} sessions of {email}" for email, times in per_person.items() if times > 1)
    census.doubled.extend(f"revocations of {each}" for each, row in by_id.items() if row["revoked"] > 1)
    census.accused.extend(
        f"{row['subject']}: {row['reason_code']}"
        for row in database.execute("select * from audit_events where event = 'security.correct_projection'")
    )
    statuses = {each: row["status"] for each, row in by_id.items()}
    with redis_py.Redis(port=redis_port, username="gateway", password=REDIS_PASSWORD) as redis:
        census.lost.extend(_gateway_losses(redis, load.confirmed, statuses))
        census.revived.extend(_revived(redis))
    return census


def _gateway_losses(redis: redis_py.Redis, logins: Sequence[Login], statuses: Mapping[str, str]) -> list[str]:
    losses: list[str] = []
    for login in logins:
        assert login.device_session_id is not None
        value = stored(redis, _KEYS.record(login.device_session_id))
        record = None if value is None else decode_record(value)
        if record is None or not login.matches(record) or record.status != statuses.get(login.device_session_id):
            losses.append(f"gateway record of {login.device_session_id}")
    return losses


def _revived(redis: redis_py.Redis) -> list[str]:
    revoked: set[str] = set()
    revived: list[str] = []
    for entry in gateway_entries(redis, _KEYS.stream).values():
        if entry.status == "revoked":
            revoked.add(entry.device_session_id)
        elif entry.device_session_id in revoked:
            revived.append(entry.device_session_id)
    return revived
