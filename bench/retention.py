"""Does the removal of old rows slow logins (SPEC §5.4)? The time of a confirm with and without a sweep.

It is measured in two states. In the first, a million rows were made slowly, so that the sweep keeps up at its longest
rest; the p99 must then stay within a tenth. In the second, rows were made at the rate of full load, so that the sweep
must hurry.
"""

import asyncio
import signal
import statistics
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass

import asyncpg

from authsession.embedded.child import Child, free_port
from authsession.service import Service
from bench.clients import CodeReader, log_in_many
from shared.kernel.address import TcpAddress
from tests.support.stack import RunningStack

KINDS = 6
CLIENTS = 8
LOGINS = 100
"""In one turn: short, so that whatever else the machine does falls on both sides."""
WARM_UP = 5_000
"""Rows that the sweeping process removes before anything is measured: until then it finds its rest."""


@dataclass(frozen=True, slots=True)
class OldRows:
    """So many in all, `a_second` made of each of the kinds, from 300 days ago on."""

    rows: int
    a_second: int


SLOWLY_MADE = OldRows(1_000_000, a_second=1)
MADE_UNDER_FULL_LOAD = OldRows(600_000, a_second=108)
"""Of 216 logins a second, since the sweep is halted for half of the time."""

# Foreign keys are not checked while these go in: they hold, and checking each would take minutes.
_OLD_SENDS = """
    set session_replication_role = replica;
    create temporary table past as
    select number, 'old-' || number || '@example.com' as folded, 1000000000000 + number as email_id,
           ('00000000-0000-7000-8000-' || lpad(to_hex(number), 12, '0'))::uuid as id,
           decode(repeat('00', 16), 'hex') as salt,
           clock_now() - interval '300 days' + number * interval '1 second' / {a_second} as born
      from generate_series(1, {sends}) as number;
    insert into emails (email_id, folded, created_at) overriding system value select email_id, folded, born from past;
    insert into login_codes (login_code_id, email_id, email, key_id, salt, mac, created_at, expires_at)
    select id, email_id, folded, 'k1', salt, salt || salt, born, born + interval '10 minutes' from past;
    insert into challenges (challenge_id, email_id, email, login_code_id, network_tag, preferred_language, state,
                            created_at, expires_at)
    select 'challenge-' || id, email_id, folded, id, salt, 'en', 'sent', born, born + interval '10 minutes' from past;
    insert into mail_deliveries (delivery_id, challenge_id, login_code_id, email_id, email, locale, network_tag,
                                 to_new_address, state, queued_at, next_attempt_at, finished_at)
    select id, 'challenge-' || id, id, email_id, folded, 'en', salt, true, 'sent', born, born, born from past;
    insert into known_networks (email_id, network_tag, confirmed_at) select email_id, salt, born from past;
    insert into users (user_id, email_id, email, preferred_language, time_zone, created_at)
    values ('user-of-old', 0, 'user-of-old', 'en', 'UTC', clock_now());
    insert into device_sessions (device_session_id, user_id, client_public_key, login_code_id, challenge_id, status,
                                 created_at, revoked_at, revoke_reason_code, revoke_actor_type)
    select 'device-session-' || id, 'user-of-old', salt || salt, id, 'challenge-' || id, 'revoked', born, born, 'old',
           'system' from past;
    drop table past;
    set session_replication_role = origin;
    analyze;
"""
_OLD_LEFT = """
    select (select count(*) from emails where email_id > 1000000000000)
         + (select count(*) from login_codes where email_id > 1000000000000)
         + (select count(*) from challenges where email_id > 1000000000000)
         + (select count(*) from mail_deliveries where email_id > 1000000000000)
         + (select count(*) from known_networks where email_id > 1000000000000)
         + (select count(*) from device_sessions where user_id = 'user-of-old')
"""


async def confirm_while_swept(
    stack: RunningStack,
    pool: asyncpg.Pool,
    codes: CodeReader,
    email: Callable[[int], str],
    old: OldRows = SLOWLY_MADE,
    *,
    rounds: int,
) -> None:
    """Print the p99 of a confirm in turns without and with a sweep, and how many of the old rows it removes.

    The sweep is that of another internal process, halted every other round; the stack's own has long looked and found
    nothing.
    """
    started = time.perf_counter()
    await _store_old_rows(pool, old)
    print(f"\n{old.rows} old rows, made {old.a_second} a second of each of {KINDS} kinds, stored in", end=" ")
    print(f"{time.perf_counter() - started:.0f} s; a sweep removes them, or is halted:")
    seconds: dict[str, list[float]] = {"halted": [], "sweeping": []}
    with _another_internal_process(stack) as sweeper:
        before, swept_for = await _warmed_up(pool), 0.0
        for number in range(rounds):
            for name, order in (("halted", signal.SIGSTOP), ("sweeping", signal.SIGCONT))[:: 1 if number % 2 else -1]:
                sweeper.ask(order)
                began = time.perf_counter()
                seconds[name] += await _confirms(stack, codes, email)
                swept_for += time.perf_counter() - began if name == "sweeping" else 0
        removed = before - await pool.fetchval(_OLD_LEFT)
    for name, samples in seconds.items():
        print(f"  {name:8} p50 {_ms(samples, 50):6.1f} ms   p99 {_ms(samples, 99):6.1f} ms   ({len(samples)} confirms)")
    print(f"  sweeping / halted: p50 {_ratio(seconds, 50):.3f}, p99 {_ratio(seconds, 99):.3f}")
    print(f"  {removed} rows removed meanwhile, {removed / swept_for:.0f} a second")


@contextmanager
def _another_internal_process(stack: RunningStack) -> Generator[Child]:
    address = TcpAddress("127.0.0.1", free_port())
    service = Service("internal", "services.internal_admin", address)
    child = service.start(stack.environment["internal"] | {"AUTHSESSION_INTERNAL_HTTP_ADDR": str(address)})
    try:
        yield child
    finally:
        child.kill()


async def _store_old_rows(pool: asyncpg.Pool, old: OldRows) -> None:
    async with pool.acquire() as owner:
        await owner.execute(_OLD_SENDS.format(sends=old.rows // KINDS, a_second=old.a_second), timeout=300)


async def _warmed_up(pool: asyncpg.Pool) -> int:
    """How many old rows are left when the sweep runs as it will."""
    stored = await pool.fetchval(_OLD_LEFT)
    while True:
        await asyncio.sleep(1)
        left = await pool.fetchval(_OLD_LEFT)
        if left <= stored - WARM_UP:
            return left


async def _confirms(stack: RunningStack, codes: CodeReader, email: Callable[[int], str]) -> list[float]:
    host, _, port = stack.public_url.removeprefix("http://").partition(":")
    address = host, int(port)
    return (await log_in_many(address, codes, logins=LOGINS, clients=CLIENTS, email=email)).confirm


def _ratio(seconds: dict[str, list[float]], percentile: int) -> float:
    return _ms(seconds["sweeping"], percentile) / _ms(seconds["halted"], percentile)


def _ms(seconds: list[float], percentile: int) -> float:
    return statistics.quantiles(seconds, n=100)[percentile - 1] * 1000
