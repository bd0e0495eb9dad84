"""A dry run that tells whether Redis would accept the writes of a login from this user. It writes nothing."""

from collections.abc import Mapping
from importlib import resources

import trio

from contracts.gateway import GatewayKeys
from shared.io import redis_replies
from shared.io.redis import Redis
from shared.kernel.faults import DependencyUnavailable

DRY_RUN = resources.files("shared.projection").joinpath("rights.lua").read_text("utf-8")
_NOBODY = "device-session-that-does-not-exist"


def keys_of_a_login(keys: GatewayKeys, rate_limit_prefix: str) -> Mapping[str, str]:
    """A key for each pattern that a login writes, by its kind in `DRY_RUN`. The first and the last never exist."""
    return {
        "record": keys.record(_NOBODY),
        "stream": keys.stream,
        "projection": keys.projection,
        "rate_limit": f"{rate_limit_prefix}dry-run",
    }


async def refused_write(redis: Redis, keys: Mapping[str, str]) -> str | None:
    """The code of a refusal and the kind of key, such as `NOPERM stream`, or None. Takes one round trip."""
    refused: dict[str, str] = {}

    async def try_one(kind: str, key: str) -> None:
        try:
            code = (await redis.run_script(DRY_RUN, [key], [kind], redis_replies.text)).decode("ascii")
        except DependencyUnavailable as fault:
            code = fault.reason
        if code:
            refused[kind] = f"{code} {kind}"

    async with trio.open_nursery() as nursery:
        for kind, key in keys.items():
            nursery.start_soon(try_one, kind, key)
    return next((refused[kind] for kind in keys if kind in refused), None)
