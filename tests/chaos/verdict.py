"""Judges a run by the acknowledged requests, Postgres, the gateway's records and the whole stream, and nothing else.

A gateway reads the stream live and follows it over every loss of Redis, so it is one stream here. A session that this
gateway once saw revoked may never be active again, in any epoch. After each loss the stream begins anew. So a session
that was revoked shortly before must be announced again. One that was revoked long before has only its record, which the
rebuild writes, and no entry.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import asyncpg
import redis as redis_py

from contracts.gateway import GatewayKeys, GatewayRecord, MalformedRecord, decode_record
from shared.kernel.client_key import ClientPublicKey
from tests.chaos.follower import Follower, revived
from tests.chaos.visitors import Acknowledgement, Kind, Person, Visitors
from tests.support.database import Database
from tests.support.mail_peer import MailPeer, Received
from tests.support.stack import REDIS_PASSWORD

ANNOUNCED_AGAIN = 10.0
"""Seconds. A revocation this shortly before a loss of Redis must be announced again. The rebuild's margin is longer."""
ON_ITS_WAY = 10.0
"""Seconds by which a letter that left in time may be late: less than the lease after which it would come again."""

_KEYS = GatewayKeys()
_SESSIONS = """
select device_session_id, status, email, client_public_key from device_sessions join users using (user_id)
"""
_LATE_MAILS = """
select delivery_id from mail_deliveries join login_codes using (login_code_id)
 where state = 'sent' and finished_at > least(ended_at, expires_at) + make_interval(secs => $1)
"""
_UNPAIRED = """
select coalesce(challenge_id, device_session_id) as id
  from (select challenge_id from challenges where confirmed_at is not null) consumed
  full join device_sessions using (challenge_id)
 where consumed is null or device_session_id is null
"""
_SHARED_CODES = """
select login_code_id::text from challenges where confirmed_at is not null group by login_code_id having count(*) > 1
union all
select login_code_id::text from device_sessions group by login_code_id having count(*) > 1
"""


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken promise. `kind` is `lost`, `doubled` or another fault. `at` is the instant of the broken
    acknowledgement, if there was one.
    """

    kind: str
    what: str
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """The final state, read once, after everything has settled."""

    sessions: Mapping[str, asyncpg.Record]
    audit: Mapping[str, Counter[tuple[str, str]]]
    """Event and outcome of the audit rows, by request id."""
    created: Counter[str | None]
    """The number of audit rows of a creation, by device session."""
    records: Mapping[str, GatewayRecord | None]
    seen: Sequence[tuple[str, str, float]]
    """Device session, status and instant of each entry of the stream."""
    letters: Sequence[Received]
    late_mails: Sequence[str]
    """Mails that Postgres says were sent after their code had ended."""
    shared_codes: Sequence[str]
    unpaired: Sequence[str]
    """Consumed challenges without a session, and challenges of sessions that are not consumed."""


def read_evidence(database: Database, redis_port: int, follower: Follower, mail: MailPeer) -> Evidence:
    sessions = {row["device_session_id"]: row for row in database.execute(_SESSIONS)}
    audit: defaultdict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    created: Counter[str | None] = Counter()
    for row in database.execute("select event, outcome, request_id, subject from audit_events"):
        audit[row["request_id"]][row["event"], row["outcome"]] += 1
        created[row["subject"]] += row["event"] == "security.create_session"
    with redis_py.Redis(port=redis_port, username="gateway", password=REDIS_PASSWORD) as gateway:
        stored = gateway.mget([_KEYS.record(each) for each in sessions]) if sessions else []
    return Evidence(
        sessions,
        audit,
        created,
        dict(zip(sessions, map(_record, stored), strict=True)),
        [(*entry, at) for entry, at in zip(follower.seen, follower.seen_at, strict=True)],
        tuple(mail.received),
        [str(row["delivery_id"]) for row in database.execute(_LATE_MAILS, ON_ITS_WAY)],
        [row["login_code_id"] for row in database.execute(_SHARED_CODES)],
        [row["id"] for row in database.execute(_UNPAIRED)],
    )


@dataclass(frozen=True, slots=True)
class Promises:
    """The answers that clients got, and the instants when Redis lost its data."""

    said: Sequence[Acknowledgement]
    people: Sequence[Person]
    ended_codes: Mapping[str, float]
    losses: Sequence[float] = ()

    @classmethod
    def of(cls, visitors: Visitors, losses: Sequence[float] = ()) -> "Promises":
        return cls(visitors.said, visitors.people, visitors.ended_codes, losses)


def judge(promises: Promises, evidence: Evidence) -> list[Violation]:
    """Every broken promise; empty when none was broken. To be called when the outbox is empty."""
    laws = (_logins, _whole, _ended, _blocked, _untouched, _never_revived, _announced_again, _audited, _codes, _mails)
    return [violation for law in laws for violation in law(promises, evidence)]


def _logins(promises: Promises, evidence: Evidence) -> Iterator[Violation]:
    """Each acknowledged login is one session of that person with that key."""
    of_key = Counter(ClientPublicKey(row["client_public_key"]).base64 for row in evidence.sessions.values())
    when = {said.sessions[0]: said.at for said in promises.said if said.kind is Kind.LOGIN}
    for person in promises.people:
        for session_id, key in person.sessions.items():
            row = evidence.sessions.get(session_id)
            if row is None or (row["email"], ClientPublicKey(row["client_public_key"]).base64) != (person.email, key):
                yield Violation("lost", f"session {session_id}", when.get(session_id))
            elif of_key[key] > 1:
                yield Violation("doubled", f"session {session_id}", when.get(session_id))


def _whole(_promises: Promises, evidence: Evidence) -> Iterator[Violation]:
    """Each session, acknowledged or not, has one consumed challenge and one audit row of its creation."""
    yield from (Violation("session or challenge alone", each) for each in evidence.unpaired)
    for session_id in evidence.sessions:
        if (rows := evidence.created[session_id]) != 1:
            yield Violation("doubled" if rows else "lost", f"audit row of the creation of {session_id}")


def _ended(promises: Promises, evidence: Evidence) -> Iterator[Violation]:
    """A session acknowledged as revoked is revoked in Postgres and in the record, and the stream said so."""
    told = {session_id for session_id, status, _ in evidence.seen if status == "revoked"}
    for said in promises.said:
        if said.kind is Kind.LOGIN:
            continue
        for session_id in said.sessions:
            row, record = evidence.sessions.get(session_id), evidence.records.get(session_id)
            if row is None or row["status"] != "revoked":
                yield Violation("lost", f"{said.kind} of {session_id} in Postgres", said.at)
            if record is None or record.status != "revoked":
                yield Violation("lost", f"{said.kind} of {session_id} in the record", said.at)
            if session_id not in told:
                yield Violation("lost", f"{said.kind} of {session_id} in the stream", said.at)


def _blocked(promises: Promises, evidence: Evidence) -> Iterator[Violation]:
    """A blocked person has no active session, acknowledged or not. Nor does a session survive a block that raced with
    it.
    """
    active: defaultdict[str, set[str]] = defaultdict(set)
    for session_id, row in evidence.sessions.items():
        if row["status"] == "active":
            active[row["email"]].add(session_id)
    for person in promises.people:
        wrong = active[person.email] & (person.blocked_in_race if not person.stays_blocked else active[person.email])
        yield from (Violation("active although blocked", session_id) for session_id in wrong)


def _untouched(promises: Promises, evidence: Evidence) -> Iterator[Violation]:
    """A session that nobody asked to end is active everywhere."""
    for person in promises.people:
        for session_id in person.sessions.keys() - person.doomed:
            row, record = evidence.sessions.get(session_id), evidence.records.get(session_id)
            if row is not None and row["status"] != "active":
                yield Violation("lost", f"session {session_id}, which nobody revoked")
            if record is None or record.status != "active":
                yield Violation("lost", f"active record of {session_id}")


def _never_revived(promises: Promises, evidence: Evidence) -> Iterator[Violation]:
    for session_id in revived([(each, status) for each, status, _ in evidence.seen]):
        yield Violation("active again in the stream", session_id)


def _announced_again(promises: Promises, evidence: Evidence) -> Iterator[Violation]:
    """A session revoked shortly before Redis lost its data is announced again after it."""
    for loss in promises.losses:
        again = {session_id for session_id, status, at in evidence.seen if status == "revoked" and at > loss}
        for said in promises.said:
            if said.kind is not Kind.LOGIN and loss - ANNOUNCED_AGAIN <= said.at <= loss:
                missing = [each for each in said.sessions if each not in again]
                yield from (Violation("not announced again", each, said.at) for each in missing)


def _audited(promises: Promises, evidence: Evidence) -> Iterator[Violation]:
    """Each acknowledged request has one audit row of what it changed, however often it was repeated."""
    for said in promises.said:
        rows = evidence.audit.get(said.request_id, Counter())[said.event, said.outcome]
        if rows != 1:
            yield Violation("doubled" if rows else "lost", f"audit row of {said.event} {said.sessions}", said.at)


def _codes(promises: Promises, evidence: Evidence) -> Iterator[Violation]:
    yield from (Violation("code accepted twice", each) for each in evidence.shared_codes)


def _mails(promises: Promises, evidence: Evidence) -> Iterator[Violation]:
    """No mail leaves after its code ended, by Postgres' clock and by the mail service's."""
    yield from (Violation("mailed after its code had ended", each) for each in evidence.late_mails)
    for letter in evidence.letters:
        if letter.received_at > promises.ended_codes.get(letter.key, letter.received_at) + ON_ITS_WAY:
            yield Violation("mailed after its code had ended", letter.key)


def _record(stored: object) -> GatewayRecord | None:
    try:
        return decode_record(stored) if isinstance(stored, bytes) else None
    except MalformedRecord:
        return None
