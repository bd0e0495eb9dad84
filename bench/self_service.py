"""The time of a self-service call: `python -m bench.self_service`.

A device ends another session of its user. Printed are the time to the answer, and from the answer to the first refusal
in a following gateway process, at rest. A negative time means that the gateway refused before the answer came.
"""

import argparse
import asyncio
import time

import asyncpg

from bench.__main__ import own_pool, running_stack
from bench.clients import HttpClient
from bench.edge_time import Gateway, address_of, open_gateway, percentile
from contracts.signed_request import encode_envelope
from tests.support.builders import store_user
from tests.support.database import cloned_database, create_template
from tests.support.self_service import Device, revoke, stored_device
from tests.support.servers import temporary_postgres
from tests.support.stack import RunningStack

_SHARES = (("p50", 0.5), ("p99", 0.99), ("max", 1.0))
_WARM_UP = 20
_SESSIONS = """
    with made as (
        insert into device_sessions (device_session_id, user_id, client_public_key, login_code_id, challenge_id,
                                     created_at)
        select 'device-session-bench' || i, $1, decode(repeat('01', 32), 'hex'), gen_random_uuid(),
               'challenge-bench' || i, clock_now()
          from generate_series(1, $2::int) i
        returning device_session_id
    )
    insert into projection_outbox (device_session_id, enqueued_at, available_at)
    select device_session_id, clock_now(), clock_now() from made
"""


async def measure(stack: RunningStack, pool: asyncpg.Pool, device: Device, rounds: int) -> None:
    user_id = await pool.fetchval(
        "select user_id from device_sessions where device_session_id = $1", device.device_session_id
    )
    await pool.execute(_SESSIONS, user_id, rounds + _WARM_UP)
    client = HttpClient(*address_of(stack.public_url))
    answers, refusals = list[float](), list[float]()
    async with open_gateway(stack) as gateway:
        for number in range(1, rounds + _WARM_UP + 1):
            answered, refused = await _end(client, gateway, device, f"device-session-bench{number}")
            if number > _WARM_UP:
                answers.append(answered)
                refusals.append(refused)
    client.close()
    print(f"\nself-service at rest: {rounds} sessions ended")
    for title, times in (("answer", answers), ("refusal after it", refusals)):
        print(f"  {title:17}" + "  ".join(f"{label} {percentile(times, share):7.1f} ms" for label, share in _SHARES))


async def _end(client: HttpClient, gateway: Gateway, device: Device, target: str) -> tuple[float, float]:
    """Milliseconds to the answer, and from the answer to the first refusal."""
    await gateway.serve(target)
    signed = device.sign(revoke(target))
    lines = [f"{name}: {value}" for name, value in encode_envelope(signed.envelope).items()]
    started = time.monotonic_ns()
    answer = await client.send(f"{signed.method} {signed.target} HTTP/1.1", *lines)
    answered = time.monotonic_ns()
    assert answer.status == 200, answer.body
    refused, _ = await gateway.refusal()
    return (answered - started) / 1e6, (refused - answered) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.self_service", description=__doc__)
    parser.add_argument("--rounds", type=int, default=500, help="how many sessions are ended")
    rounds = parser.parse_args().rounds
    with temporary_postgres() as server:
        create_template(server)
        with cloned_database(server) as database:
            device = stored_device(database, store_user(database))
            with running_stack(database) as stack:
                asyncio.run(_run(stack, device, rounds))


async def _run(stack: RunningStack, device: Device, rounds: int) -> None:
    async with own_pool(stack.database) as pool:
        await measure(stack, pool, device, rounds)


if __name__ == "__main__":
    main()
