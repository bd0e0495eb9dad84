"""Does the time of a send reveal the kind of an e-mail (SPEC §3.4)? The AUC of paired samples is 0.5 if it does not."""

import statistics
import time

import asyncpg

from bench.clients import HttpClient
from services.public_auth.domain.network_tag import network_tags
from shared.kernel.keyring import KeyRing
from shared.kernel.network import Network

PAIRS = 2000

_EMAILS = """
    insert into emails (folded, created_at) select unnest($1::text[]), clock_now() returning email_id, folded
"""
_USERS = """
    insert into users (user_id, email_id, email, preferred_language, time_zone, created_at)
    select 'user-bench-' || email_id, email_id, folded, 'en', 'UTC', clock_now() from emails where folded = any ($1)
"""
_BLOCKS = """
    insert into blocks (email_id, reason_code, actor_type, created_at)
    select email_id, 'bench', 'system', clock_now() from emails where folded = any ($1)
"""
_INVITATIONS = """
    insert into invitations (invitation_id, email_id, email, created_by, created_at, expires_at)
    select 'invitation-bench-' || email_id, email_id, folded, 'bench', clock_now(), clock_now() + interval '14 days'
      from emails where folded = any ($1)
"""
# Three mails from this network half an hour ago: its share of the hour is used up.
_MAILS = """
    with address as (
        select email_id, folded, number, gen_random_uuid() as id, clock_now() - interval '30 minutes' as at
          from emails, generate_series(1, 3) as number where folded = any ($1)
    ), code as (
        insert into login_codes (login_code_id, email_id, email, key_id, salt, mac, created_at, expires_at)
        select id, email_id, folded, 'k1', decode(repeat('00', 16), 'hex'), decode(repeat('00', 32), 'hex'), at,
               at + interval '10 minutes' from address
    ), challenge as (
        insert into challenges (challenge_id, email_id, email, login_code_id, network_tag, preferred_language, state,
                                created_at, expires_at)
        select 'challenge-' || id, email_id, folded, id, $2, 'en', 'sent', at, at + interval '10 minutes' from address
    )
    insert into mail_deliveries (delivery_id, challenge_id, login_code_id, email_id, email, locale, network_tag,
                                 to_new_address, state, queued_at, next_attempt_at, finished_at)
    select id, 'challenge-' || id, id, email_id, folded, 'en', $2, true, 'sent', at, at, at from address
"""


class Addresses:
    """Thousands of addresses of each kind, made in Postgres directly."""

    def __init__(self, pool: asyncpg.Pool, login_code_keys: KeyRing) -> None:
        self._pool = pool
        self._tag = network_tags(login_code_keys, Network("127.0.0.1")).newest

    def new(self, prefix: str) -> list[str]:
        return [f"{prefix}{number}@example.com" for number in range(PAIRS)]

    async def existing(self, prefix: str) -> list[str]:
        return await self._made(prefix, _USERS)

    async def blocked(self, prefix: str) -> list[str]:
        return await self._made(prefix, _BLOCKS)

    async def invited(self, prefix: str) -> list[str]:
        return await self._made(prefix, _INVITATIONS)

    async def let_in(self, who: str) -> None:
        """Sets who may sign up."""
        await self._pool.execute("update settings set sign_up = $1", who)

    async def throttled(self, prefix: str) -> list[str]:
        emails = await self._made(prefix)
        await self._pool.execute(_MAILS, emails, self._tag)
        return emails

    async def _made(self, prefix: str, *statements: str) -> list[str]:
        emails = self.new(prefix)
        await self._pool.execute(_EMAILS, emails)
        for statement in statements:
            await self._pool.execute(statement, emails)
        await self._pool.execute("analyze")
        return emails


async def send_time(client: HttpClient, addresses: Addresses) -> None:
    """Print the statistic for each kind of address against new ones, and for the third send in a row."""
    print(f"\ntime of a send, AUC over {PAIRS} pairs (0.5 ± 0.05 tells nothing):")
    kinds = {
        "new": addresses.new("control"),
        "existing user": await addresses.existing("existing"),
        "blocked": await addresses.blocked("blocked"),
        "throttled": await addresses.throttled("throttled"),
    }
    for number, (kind, emails) in enumerate(kinds.items()):
        _report(f"{kind} / new", *await _time_pairs(client, emails, addresses.new(f"fresh{number}-")))
    existing, blocked = await addresses.existing("again-existing"), await addresses.blocked("again-blocked")
    for nth in ("first", "second", "third"):
        _report(f"{nth} send, existing / blocked", *await _time_pairs(client, existing, blocked))


async def send_time_of_sign_up(client: HttpClient, addresses: Addresses) -> None:
    """Print the statistic for each kind of address against new ones, while not everybody may sign up."""
    for who in ("invited", "closed"):
        await addresses.let_in(who)
        kinds = {
            "new": addresses.new(f"{who}-control"),
            "existing user": await addresses.existing(f"{who}-existing"),
            "blocked": await addresses.blocked(f"{who}-blocked"),
            "throttled": await addresses.throttled(f"{who}-throttled"),
            "invited": await addresses.invited(f"{who}-invited"),
        }
        for number, (kind, emails) in enumerate(kinds.items()):
            fresh = addresses.new(f"{who}-fresh{number}-")
            _report(f"sign-up {who}: {kind} / new", *await _time_pairs(client, emails, fresh))
    await addresses.let_in("open")


def _report(title: str, left: list[float], right: list[float]) -> None:
    medians = f"medians {statistics.median(left) * 1000:.2f} and {statistics.median(right) * 1000:.2f} ms"
    print(f"  {title:40} {auc(left, right):.3f}   ({medians})")


def auc(left: list[float], right: list[float]) -> float:
    """The chance that a sample of `left` is above one of `right` (Mann-Whitney), ties counted half."""
    ranked = sorted([(value, 0) for value in left] + [(value, 1) for value in right])
    rank_sum, index = 0.0, 0
    while index < len(ranked):
        end = index
        while end < len(ranked) and ranked[end][0] == ranked[index][0]:
            end += 1
        mean_rank = (index + end + 1) / 2
        rank_sum += mean_rank * sum(1 for _, side in ranked[index:end] if side == 0)
        index = end
    return (rank_sum - len(left) * (len(left) + 1) / 2) / (len(left) * len(right))


async def _time_pairs(client: HttpClient, left: list[str], right: list[str]) -> tuple[list[float], list[float]]:
    """Seconds of a send to each address, one of `left` and one of `right` in turn, the first of a pair alternating."""
    times: tuple[list[float], list[float]] = ([], [])
    for number, pair in enumerate(zip(left, right, strict=True)):
        for side in (0, 1) if number % 2 else (1, 0):
            started = time.perf_counter()
            status, answer = await client.post("/api/v1/public/auth/send-email-code", {"email": pair[side]})
            times[side].append(time.perf_counter() - started)
            if status != 200:
                raise RuntimeError(f"send: {status} {answer}")
    return times
