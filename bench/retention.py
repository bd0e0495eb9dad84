"""Whether the removal of old rows is in anybody's way (SPEC §5.4): the time of a confirm with and without a sweep."""

import asyncio
import signal
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import asyncpg

from authsession.embedded.child import Child, free_port
from authsession.service import Service
from bench.clients import CodeReader, log_in_many
from shared.address import TcpAddress
from tests.support.stack import RunningStack

OLD_ROWS = 1_000_000
KINDS = 6
CLIENTS = 8
LOGINS = 100
"""In one turn: short, so that whatever else the machine does falls on both sides."""
WARM_UP = 5.0
"""Seconds for the sweeping process to start."""

# Foreign keys are not checked while these go in: they hold, and checking each would take minutes.
_OLD_SENDS = """
    set session_replication_role = replica;
    create temporary table past as
    select number, 'old-' || number || '@example.com' as folded, 1000000000000 + number as email_id,
           ('00000000-0000-7000-8000-' || lpad(to_hex(number), 12, '0'))::uuid as id,
           decode(repeat('00', 16), 'hex') as salt,
           clock_now() - interval '300 days' + number * interval '1 second' as born
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
    stack: RunningStack, pool: asyncpg.Pool, codes: CodeReader, email: Callable[[int], str], *, rounds: int
) -> None:
    """Print the p99 of a confirm in turns without and with a sweep, over a million rows to remove.

    The sweep is that of another internal process, halted every other round; the stack's own has long looked and found
    nothing.
    """
    started = time.perf_counter()
    await _store_old_rows(pool)
    print(f"\n{OLD_ROWS} old rows stored in {time.perf_counter() - started:.0f} s; a sweep removes them, or is halted:")
    seconds: dict[str, list[float]] = {"halted": [], "sweeping": []}
    with _another_internal_process(stack) as sweeper:
        await asyncio.sleep(WARM_UP)
        before, swept_for = await pool.fetchval(_OLD_LEFT), 0.0
        for number in range(rounds):
            for name, order in (("halted", signal.SIGSTOP), ("sweeping", signal.SIGCONT))[:: 1 if number % 2 else -1]:
                sweeper.ask(order)
                began = time.perf_counter()
                seconds[name] += await _confirms(stack, codes, email)
                swept_for += time.perf_counter() - began if name == "sweeping" else 0
        removed = before - await pool.fetchval(_OLD_LEFT)
    for name, samples in seconds.items():
        print(f"  {name:8} p50 {_ms(samples, 50):6.1f} ms   p99 {_ms(samples, 99):6.1f} ms   ({len(samples)} confirms)")
    print(f"  sweeping / halted: p50 {_ratio(seconds, 50):.3f}, p99 {_ratio(seconds, 99):.3f} (must stay below 1.1)")
    print(f"  {removed} rows removed meanwhile, {removed / swept_for:.0f} a second")


@contextmanager
def _another_internal_process(stack: RunningStack) -> Iterator[Child]:
    address = TcpAddress("127.0.0.1", free_port())
    service = Service("internal", "services.internal_admin", address)
    child = service.start(stack.environment["internal"] | {"AUTHSESSION_INTERNAL_HTTP_ADDR": str(address)})
    try:
        yield child
    finally:
        child.kill()


async def _store_old_rows(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as owner:
        await owner.execute(_OLD_SENDS.format(sends=OLD_ROWS // KINDS), timeout=300)


async def _confirms(stack: RunningStack, codes: CodeReader, email: Callable[[int], str]) -> list[float]:
    host, _, port = stack.public_url.removeprefix("http://").partition(":")
    address = host, int(port)
    return (await log_in_many(address, codes, logins=LOGINS, clients=CLIENTS, email=email)).confirm


def _ratio(seconds: dict[str, list[float]], percentile: int) -> float:
    return _ms(seconds["sweeping"], percentile) / _ms(seconds["halted"], percentile)


def _ms(seconds: list[float], percentile: int) -> float:
    return statistics.quantiles(seconds, n=100)[percentile - 1] * 1000
