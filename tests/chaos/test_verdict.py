"""The verdict on a run can fail. Each promise is broken by hand, in Postgres, Redis or the notes, and is found."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import asyncpg
import redis as redis_py

from contracts.gateway import GatewayKeys
from tests.chaos.random_run import Run, a_run
from tests.chaos.verdict import Violation
from tests.chaos.visitors import Kind
from tests.support.stack import REDIS_PASSWORD, wait_for

HEARD = 0.15
"""Seconds that the gateway may take to read a new entry of the stream."""
FEWEST = 8
"""The least number of active sessions, and of ended ones: each plant needs one."""
_KEYS = GatewayKeys()


class Planter:
    """Breaks promises of a finished run, each on sessions that no other plant has touched."""

    def __init__(self, run: Run) -> None:
        self.run = run
        people = run.visitors.people
        self._active = [each for person in people for each in person.sessions.keys() - person.doomed]
        ended = [x for x in run.visitors.said if x.kind is not Kind.LOGIN]
        self._revoked = list(dict.fromkeys(each for said in ended for each in said.sessions))

    def active(self) -> str:
        """A session that nobody ended."""
        return self._active.pop()

    def revoked(self) -> str:
        """A session with an acknowledged revocation."""
        return self._revoked.pop()

    def has_enough(self) -> bool:
        return min(len(self._active), len(self._revoked)) >= FEWEST

    def sql(self, statement: str, *arguments: Any) -> list[asyncpg.Record]:
        return self.run.weather.stack.database.execute(statement, *arguments)

    def redis(self) -> redis_py.Redis:
        return redis_py.Redis(port=self.run.weather.redis.port, username="owner", password=REDIS_PASSWORD)


def delete_session(planter: Planter) -> str:
    session_id = planter.active()
    planter.sql("delete from device_sessions where device_session_id = $1", session_id)
    return session_id


def make_active_again(planter: Planter) -> str:
    """Makes a revoked session active in Postgres, past the trigger that would refuse it."""
    session_id = planter.revoked()
    planter.sql("alter table device_sessions disable trigger device_session_only_revoked")
    planter.sql(
        """
        update device_sessions set status = 'active', revoked_at = null, revoke_reason_code = null,
               revoke_actor_type = null, revoke_actor_id = null where device_session_id = $1
        """,
        session_id,
    )
    return session_id


def make_active_in_the_record(planter: Planter) -> str:
    session_id = planter.revoked()
    with planter.redis() as client:
        key = _KEYS.record(session_id)
        fields = json.loads(client.get(key) or b"")
        del fields["revoked_at_ms"]
        client.set(key, json.dumps(fields | {"status": "active"}, separators=(",", ":")))
    return session_id


def make_active_in_the_stream(planter: Planter) -> str:
    session_id = planter.revoked()
    with planter.redis() as client:
        client.xadd(_KEYS.stream, {"device_session_id": session_id, "status": "active"})
    return session_id


def double_session(planter: Planter) -> str:
    session_id = planter.active()
    planter.sql(
        """
        insert into device_sessions (device_session_id, user_id, client_public_key, login_code_id, challenge_id,
                                     created_at)
        select device_session_id || '-2', user_id, client_public_key, gen_random_uuid(), challenge_id || '-2',
               created_at
          from device_sessions where device_session_id = $1
        """,
        session_id,
    )
    return session_id


def revoke_what_nobody_revoked(planter: Planter) -> str:
    session_id = planter.active()
    planter.sql(
        """
        update device_sessions set status = 'revoked', revoked_at = clock_now(), revoke_reason_code = 'x',
               revoke_actor_type = 'system' where device_session_id = $1
        """,
        session_id,
    )
    return session_id


def drop_audit_row(planter: Planter) -> str:
    [said] = [x for x in planter.run.visitors.said if x.kind is Kind.REVOCATION and x.sessions][-1:]
    planter.sql("delete from audit_events where request_id = $1", said.request_id)
    return said.sessions[0]


def double_audit_row(planter: Planter) -> str:
    session_id = planter.active()
    planter.sql(
        """
        insert into audit_events (occurred_at, event, outcome, caller, subject)
        select occurred_at, event, outcome, caller, subject from audit_events where subject = $1
        """,
        session_id,
    )
    return session_id


def accept_code_twice(planter: Planter) -> str:
    planter.sql("drop index challenges_confirmed_code")
    rows = planter.sql("""
        insert into challenges (challenge_id, email_id, email, login_code_id, network_tag, preferred_language, state,
                                created_at, expires_at, confirmed_at)
        select challenge_id || '-2', email_id, email, login_code_id, network_tag, preferred_language, state,
               created_at, expires_at, confirmed_at
          from challenges where confirmed_at is not null limit 1 returning login_code_id::text
    """)  # fmt: skip
    return rows[0]["login_code_id"]


def forget_the_challenge(planter: Planter) -> str:
    session_id = planter.active()
    planter.sql(
        """
        delete from challenges using device_sessions
         where challenges.challenge_id = device_sessions.challenge_id and device_session_id = $1
        """,
        session_id,
    )
    return planter.sql("select challenge_id from device_sessions where device_session_id = $1", session_id)[0][0]


def mail_late(planter: Planter) -> str:
    rows = planter.sql("""
        update mail_deliveries set finished_at = finished_at + interval '1 minute'
         where delivery_id = (select delivery_id from mail_deliveries join login_codes using (login_code_id)
                               where state = 'sent' and ended_at is not null limit 1)
        returning delivery_id::text
    """)  # fmt: skip
    return rows[0]["delivery_id"]


def mail_once_more(planter: Planter) -> str:
    """Adds a letter at the mail service: the same mail once more."""
    letter = next(x for x in planter.run.weather.mail.received if x.key in planter.run.visitors.ended_codes)
    planter.run.weather.mail.received.append(replace(letter, received_at=letter.received_at + 60))
    return letter.key


def forget_an_announcement(planter: Planter) -> str:
    """Notes a loss of Redis after which a recent revocation is not announced again."""
    [said] = [x for x in planter.run.visitors.said if x.kind is Kind.BLOCK and x.sessions][-1:]
    planter.run.weather.losses.append(max(planter.run.follower.seen_at[-1], said.at) + 0.001)
    planter.run.visitors.said.append(replace(said, at=planter.run.weather.losses[-1]))
    return said.sessions[0]


def unblocked_session(planter: Planter) -> str:
    """An active session of a blocked person."""
    session_id = planter.active()
    next(person for person in planter.run.visitors.people if session_id in person.sessions).stays_blocked = True
    return session_id


PLANTED: Mapping[Callable[[Planter], str], str] = {
    delete_session: "lost",
    make_active_again: "lost",
    make_active_in_the_record: "lost",
    make_active_in_the_stream: "active again in the stream",
    double_session: "doubled",
    revoke_what_nobody_revoked: "lost",
    drop_audit_row: "lost",
    double_audit_row: "doubled",
    accept_code_twice: "code accepted twice",
    forget_the_challenge: "session or challenge alone",
    mail_late: "mailed after its code had ended",
    mail_once_more: "mailed after its code had ended",
    forget_an_announcement: "not announced again",
    unblocked_session: "active although blocked",
}


def test_the_verdict_finds_what_is_planted() -> None:
    with a_run(seed=1) as run:
        wait_for(lambda: Planter(run).has_enough(), timeout=60)
        run.visitors.stop()
        run.settle()
        assert run.judge() == []
        run.weather.stack.stop()  # no process may mend what is planted
        planter, found = Planter(run), set[Violation]()
        for plant, kind in PLANTED.items():
            subject = plant(planter)
            time.sleep(HEARD)
            news = set(run.judge()) - found
            found |= news
            assert any(each.kind == kind and subject in each.what for each in news), (plant.__name__, news)
