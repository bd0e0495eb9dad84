"""The running product with faults from outside. Each fault is over when its function returns."""

import random
import shutil
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import redis as redis_py

from authsession.embedded.postgres import EmbeddedPostgres
from authsession.embedded.redis import EmbeddedRedis
from tests.integration.io.faults import paused
from tests.support.database import ROLE_PASSWORD, TEMPLATE, Database, create_template, run_sql
from tests.support.mail_peer import Fault
from tests.support.rest_mail_peer import RestMailPeer, rest_mail_peer
from tests.support.servers import temporary_postgres, temporary_redis
from tests.support.stack import REDIS_PASSWORD, RunningStack, redis_users
from tests.support.tcp_proxy import TcpProxy, tcp_proxy

NOBODY = 1
"""A port without a listener."""
OWNER = f"user owner on >{REDIS_PASSWORD} ~* &* +@all"
CLOCK_STEPS = (3.0, 2.0, -2.0, -1.0)
"""Seconds by which the clock jumps."""
LIMITS = {"AUTHSESSION_SEND_RATE_LIMIT": "100000/1m", "AUTHSESSION_CONFIRM_RATE_LIMIT": "100000/1m"}
"""Rate limits so high that no test reaches them. They run too."""


@dataclass(frozen=True, slots=True)
class DistantDatabase(Database):
    """A database that its roles reach through a proxy. `execute` goes directly."""

    proxy: TcpProxy

    def role_dsn(self, role: str) -> str:
        return f"postgresql://{role}:{ROLE_PASSWORD}@127.0.0.1:{self.proxy.port}/{self.name}"


@dataclass(slots=True)
class Weather:
    """Both services on a Postgres and a Redis of their own, each behind a proxy, and a mail service."""

    stack: RunningStack
    postgres: EmbeddedPostgres
    redis: EmbeddedRedis
    to_postgres: TcpProxy
    to_redis: TcpProxy
    mail: RestMailPeer
    losses: list[float] = field(default_factory=list)
    """The instants, of `time.monotonic`, when Redis lost data."""


@contextmanager
def open_weather(changes: Mapping[str, str] | None = None) -> Generator[Weather]:
    """The running product, without any fault yet. `changes` are further environment variables."""
    with (
        temporary_postgres() as postgres,
        temporary_redis(persistent=True, users=(*redis_users(), OWNER)) as redis,
        tcp_proxy(postgres.port) as to_postgres,
        tcp_proxy(redis.port) as to_redis,
        rest_mail_peer() as mail,
    ):
        create_template(postgres)
        run_sql(postgres.dsn(), f"create database product template {TEMPLATE}")
        mode = {"AUTHSESSION_MAIL_SERVICE_MODE": "rest", "AUTHSESSION_MAIL_SERVICE_BASE_URL": mail.base_url}
        mode |= changes or {}
        database = DistantDatabase(postgres, "product", to_postgres)
        stack = RunningStack(database, redis, {"AUTHSESSION_REDIS_ADDR": to_redis.address, **LIMITS, **mode})
        try:
            stack.start()
            yield Weather(stack, postgres, redis, to_postgres, to_redis, mail)
        finally:
            stack.stop()


def kill_public(weather: Weather, chance: random.Random) -> None:
    weather.stack.restart("public")


def kill_internal(weather: Weather, chance: random.Random) -> None:
    weather.stack.restart("internal")


def kill_both(weather: Weather, chance: random.Random) -> None:
    for name in weather.stack.services:
        weather.stack.kill(name)
    weather.stack.start()


def kill_redis(weather: Weather, chance: random.Random) -> None:
    """Kills Redis. Data that it had not yet synchronised to its disk may be lost."""
    weather.redis.kill()
    time.sleep(chance.uniform(0, 1.5))
    weather.losses.append(time.monotonic())
    weather.redis.start()


def pause_redis(weather: Weather, chance: random.Random) -> None:
    with paused(weather.redis.pid):
        time.sleep(chance.uniform(0.5, 2))


def flush_redis(weather: Weather, chance: random.Random) -> None:
    with redis_py.Redis(port=weather.redis.port, username="owner", password=REDIS_PASSWORD) as client:
        weather.losses.append(time.monotonic())
        client.flushall()


def restore_redis(weather: Weather, chance: random.Random) -> None:
    """Makes Redis as it was some requests ago."""
    folder = weather.redis.folder
    kept = folder.with_name(folder.name + "-kept")
    weather.redis.stop()
    shutil.copytree(folder, kept)
    weather.redis.start()
    time.sleep(chance.uniform(0.5, 1.5))
    weather.redis.kill()
    shutil.rmtree(folder)
    kept.rename(folder)
    weather.losses.append(time.monotonic())
    weather.redis.start()


def kill_postgres(weather: Weather, chance: random.Random) -> None:
    weather.postgres.kill()
    time.sleep(chance.uniform(0, 1))
    weather.postgres.start()


def pause_postgres(weather: Weather, chance: random.Random) -> None:
    with paused(weather.postgres.pid):
        time.sleep(chance.uniform(0.5, 2))


def cut_from_redis(weather: Weather, chance: random.Random) -> None:
    _cut(weather.to_redis, chance.uniform(0, 2))


def cut_from_postgres(weather: Weather, chance: random.Random) -> None:
    _cut(weather.to_postgres, chance.uniform(0, 2))


def slow_redis(weather: Weather, chance: random.Random) -> None:
    _slow(weather.to_redis, chance.choice((0.03, 0.1, 3)))


def slow_postgres(weather: Weather, chance: random.Random) -> None:
    _slow(weather.to_postgres, chance.choice((0.01, 0.03, 2)))


def step_clock(weather: Weather, chance: random.Random) -> None:
    """Moves Postgres' clock."""
    weather.stack.travel(timedelta(seconds=chance.choice(CLOCK_STEPS)))


def refuse_letters(weather: Weather, chance: random.Random) -> None:
    _fail_letters(weather.mail, chance.choice((Fault.DEFER, Fault.DROP)), chance.uniform(0.3, 1))


def stall_letters(weather: Weather, chance: random.Random) -> None:
    _fail_letters(weather.mail, Fault.STALL, chance.uniform(0.3, 1))


def _cut(proxy: TcpProxy, seconds: float) -> None:
    """Cuts every connection. For some seconds no new connection succeeds."""
    target, proxy.target = proxy.target, NOBODY
    proxy.cut()
    time.sleep(seconds)
    proxy.target = target


def _slow(proxy: TcpProxy, delay: float) -> None:
    proxy.delay = delay
    time.sleep(1.5)
    proxy.delay = 0.0
    proxy.cut()


def _fail_letters(mail: RestMailPeer, fault: Fault, seconds: float) -> None:
    mail.general_fault = fault
    time.sleep(seconds)
    mail.general_fault = None
    mail.released.set()
    mail.released.clear()


FAULTS: Mapping[str, Callable[[Weather, random.Random], None]] = {
    "public process killed": kill_public,
    "internal process killed": kill_internal,
    "both processes killed": kill_both,
    "Redis killed": kill_redis,
    "Redis stopped for up to 2 s": pause_redis,
    "Redis flushed": flush_redis,
    "Redis restored from an older snapshot": restore_redis,
    "Postgres killed": kill_postgres,
    "Postgres stopped for up to 2 s": pause_postgres,
    "network to Redis cut": cut_from_redis,
    "network to Postgres cut": cut_from_postgres,
    "network to Redis slow": slow_redis,
    "network to Postgres slow": slow_postgres,
    "clock of Postgres steps": step_clock,
    "mail service refuses": refuse_letters,
    "mail service stalls": stall_letters,
}
