"""Strategies of hostile networks. A strategy is one move of all networks; a move comes every two minutes."""

import random
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import timedelta
from ipaddress import IPv4Address, IPv6Address
from types import MappingProxyType

from bench.siege.scene import Sent, Siege, ipv4

MOVE = timedelta(minutes=2)
MOVES_AN_HOUR = timedelta(hours=1) // MOVE
_MOVES_A_CODE = 4  # a code is shared for seven minutes

Strategy = Callable[[Siege], Awaitable[None]]


async def nothing(siege: Siege) -> None:
    """No hostile network does anything."""


async def first(siege: Siege) -> None:
    """Each asks as soon as no code is shared any more, and so has a place on every code."""
    if siege.move % _MOVES_A_CODE == 0:
        await steady(siege)


async def steady(siege: Siege) -> None:
    """Each asks at every move: places, re-mails and new codes."""
    for network in range(siege.networks):
        await siege.send(network)


async def refill(siege: Siege) -> None:
    """As steady, twice, the order changing: whatever becomes free is taken before the owner comes."""
    order = list(range(siege.networks))
    for network in order[siege.move % max(1, len(order)) :] + order[::-1]:
        await siege.send(network)


async def guesses(siege: Siege) -> None:
    """Each asks, and guesses until nothing is compared any more."""
    await steady(siege)
    await _guess_all(siege, 5)


async def one_guess(siege: Siege) -> None:
    """Each asks, and enters one wrong code a challenge: four are reserved in vain until it ends."""
    await steady(siege)
    await _guess_all(siege, 1)


async def half_of_each(siege: Siege) -> None:
    """Each enters one to four wrong codes a challenge, so that what is left never fits another one."""
    await steady(siege)
    await _guess_all(siege, siege.move % 4 + 1)


async def burst(siege: Siege) -> None:
    """All of an hour's mails at its beginning, and all guesses."""
    if siege.move % MOVES_AN_HOUR < 5:
        await guesses(siege)


async def spellings(siege: Siege) -> None:
    """Each send in another spelling: capitals here and there."""
    local_part = siege.local_part
    for network in range(siege.networks):
        at = (siege.move + network) % len(local_part)
        spelling = local_part[:at] + local_part[at:].upper()
        await siege.send(network, email=f"{spelling}@example.com")
    await _guess_all(siege, 5)


async def plus(siege: Siege) -> None:
    """Each send to another address of the mailbox."""
    for network in range(siege.networks):
        await siege.send(network, email=_plus(siege, network))


async def plus_burst(siege: Siege) -> None:
    """The hour's mails at once, to other addresses of the mailbox, as long as the day's last; then steady."""
    if siege.move % MOVES_AN_HOUR == 0:
        await _one_by_one(siege)
    await steady(siege)


async def plus_spread(siege: Siege) -> None:
    """The day's mails in the fewest hours: a burst to other addresses every hour, and nothing that mails the owner."""
    if siege.move % MOVES_AN_HOUR == 1:
        await _one_by_one(siege)


async def subnets(siege: Siege) -> None:
    """Each from another /64 of its /56."""
    for network in range(siege.networks):
        for _ in range(2):
            await siege.send(network, address=_in_56(network, siege.move * 2 + len(siege.held)))
    await _guess_all(siege, 5)


async def tunnels(siege: Siege) -> None:
    """Each by 6to4, Teredo and NAT64 of its one IPv4 address, from many subnets, ports and prefixes."""
    for network in range(siege.networks):
        for turn in range(2):
            await siege.send(network, address=_tunnelled(network, siege.move * 2 + turn))
    await _guess_all(siege, 5)


async def everything(siege: Siege) -> None:
    """At random, the same in each run."""
    draw = random.Random(siege.move * 100 + siege.networks)
    tried = (steady, refill, guesses, one_guess, half_of_each, spellings, plus, plus_burst, nothing)
    await draw.choice(tried)(siege)


STRATEGIES: Mapping[str, Strategy] = MappingProxyType(
    {
        each.__name__.replace("_", " "): each
        for each in (
            first, steady, refill, burst, guesses, one_guess, half_of_each, spellings, plus, plus_burst, plus_spread,
            subnets, tunnels, everything,
        )
    }
)  # fmt: skip


async def _guess_all(siege: Siege, times: int) -> None:
    held: Iterable[Sent] = siege.held[:]
    siege.held.clear()
    for sent in held:
        await siege.guess(sent, times)


async def _one_by_one(siege: Siege) -> None:
    """Each takes all that it can get before the next one does: together they get most that way."""
    for network in range(siege.networks):
        for turn in range(6):
            await siege.send(network, email=_plus(siege, network * 100 + turn))


def _plus(siege: Siege, number: int) -> str:
    return f"{siege.local_part}+{siege.move}-{number}@example.com"


def _in_56(network: int, number: int) -> str:
    return str(IPv6Address((0x20010DB8_0000 << 16 | network << 8 | number % 256) << 64 | number + 1))


def _tunnelled(network: int, number: int) -> str:
    own = int(IPv4Address(ipv4(network)))
    of_kind = (
        0x2002 << 112 | own << 80 | number << 64 | 1,
        0x20010000 << 96 | 0xC0000201 << 64 | (number % 65536) << 32 | own ^ 0xFFFFFFFF,
        0x0064FF9B << 96 | own,
        0x0064FF9B0001 << 80 | (number % 65536) << 48 | own,
    )
    return str(IPv6Address(of_kind[number % 4]))
